"""The words of sentences, frequent ones first, and titles and names by number."""

from __future__ import annotations

from functools import cache

NOUNS = """
man time day house hand night door eye woman room face way voice head morning heart road word
friend light child father mother fire water window name table world letter garden river street sea
brother sister stone horse book boat wind tree village ship town lamp captain wall hill stranger
winter summer evening shadow silence storm bridge forest key clock chair candle mirror market mill
harbour island lake mountain field church tower castle cellar attic kitchen library carriage train
station engine lantern rope sail anchor compass map coin ring sword knife hat coat glove boot dog
cat crow raven owl fox wolf bear deer whale swan bee moth rose apple bread cheese wine soup supper
breakfast dream song story secret promise question answer reason thought memory fear hope anger joy
sorrow pity courage patience hunger fever illness doctor nurse priest soldier sailor farmer miller
smith tailor baker widow orphan uncle aunt cousin daughter son husband wife queen king prince
princess duke servant maid guest host thief judge lawyer clerk teacher pupil painter poet fiddler
dancer giant dwarf witch ghost dragon angel devil star moon sun cloud rain snow frost fog dust ash
smoke mud grass leaf branch root seed thorn hedge gate fence path stair roof chimney hearth
""".split()

ADJECTIVES = """
old little long good great young other poor dark small white black strange cold quiet empty whole
deep high low late early warm heavy narrow wide broken silent grey pale bright golden silver green
blue red thin tall short sharp soft hard dry wet clean dusty hollow crooked gentle patient proud
humble angry sad merry lonely hungry weary sleepy restless stubborn clever foolish honest wicked
cruel kind brave timid bold shy curious careless careful cheerful solemn sudden slow swift distant
foreign familiar forgotten hidden secret lost last first second ancient modern noble common rare
precious worthless bitter sweet sour bare wild tame blind deaf mute lame drowned burning frozen
fallen stolen borrowed painted iron wooden stone copper paper glass velvet crimson amber ivory
northern southern eastern western endless
""".split()

VERBS = """
saw took found heard left knew opened held turned asked told watched followed carried closed
remembered forgot called crossed reached touched met kept wanted loved feared lost brought bought
sold wrote read burned buried broke built counted climbed drew dropped entered passed lifted lit
locked missed moved named noticed offered painted paid picked pulled pushed recognised refused
rescued returned searched served shook showed spared stole struck studied surprised taught thanked
threw tied trusted understood visited warned washed welcomed dreaded mended measured
gathered guarded hid hunted imagined invited joined judged led mistook mourned obeyed praised
promised punished questioned raised repaired replaced robbed ruled scolded sheltered
""".split()

MANNERS = """
slowly again quietly suddenly never always often once soon gently carefully alone together softly
silently patiently gladly sadly proudly bitterly eagerly calmly hastily idly
""".split()

PLACES = [
    *("in the rain", "by the river", "before dawn", "after supper", "in silence", "at midnight"),
    *("near the harbour", "under the stars", "behind the mill", "beyond the hills"),
    *("in those days", "without a word", "on the stairs", "from the window", "in the dark"),
    *("along the wall", "through the snow", "for many years", "like a child"),
]

LINKS = ["and", "but", "while", "because", "for", "until", "though", "as", "so", "when"]

GIVEN_NAMES = """
Anna John Mary William Elizabeth Thomas Clara Henry Margaret George Alice Edward Ruth Charles Jane
Robert Emma Samuel Helen Arthur Martha David Lucy Peter Sophie Walter Agnes Hugh Nora Felix Ida
Martin Rosa Oscar Vera Simon Greta Philip Hanna Victor Elsa Conrad Mina Julian Olga Rufus Stella
Anton Thea Leopold Judith Magnus Ingrid Emil Beatrice Cyril Dora Ernest Flora Gilbert Harriet
""".split()

# Parts of invented names of places and families.
FIRST = """
al ar ash bel ber bran bur cal car cor dal dar del dun ed el fair fen gal gar glen hal har haw hol
in kel ken kin lan lin lor mal mar mel mor nor or pel pen quin ral ran rol ros sal sel sil sol tal
tam tor ul val ver wal win wyn yar zel
""".split()
MIDDLE = """
a ba be da den di do ga la le li lo ma me mi mo na ne ni no ra re ri ro sa se ta ti va vi
""".split()
LAST = """
bury by cott croft dale den don field ford gate ham hurst ington land ley low mere mond mont more
port ridge row sby shaw stead ston thorpe ton vale ville well wick win wood worth
""".split()

# Every pattern takes an adjective, a noun and a name, so each has room for millions of titles.
PATTERNS = [
    "The {0} {1} of {2}",
    "{2} and the {0} {1}",
    "One {0} {1} in {2}",
    "{0} {1}, {2}",
    "Beyond the {0} {1} of {2}",
    "{2}, or the {0} {1}",
    "My {0} {1} at {2}",
    "No {1} for the {0} of {2}",
]

# Neighbouring numbers should not look alike: multiplying by a prime spreads them over the space.
SPREAD = 15_485_863
NAMES = len(FIRST) * len(MIDDLE) * len(LAST)
_PAIRS = len(ADJECTIVES) * len(NOUNS)


def get_name(number: int) -> str:
    """Return the name of a place or family; the first `NAMES` numbers give different names."""
    return _list_names()[number % NAMES]


def get_rare_name(number: int) -> str:
    """Return a name that neither `get_name` nor, below two million, another number gives."""
    extra, number = divmod(number, NAMES)
    return _build_name(number, MIDDLE[extra % len(MIDDLE)])


def get_person(number: int) -> str:
    """Return a given name and a family name."""
    return f"{GIVEN_NAMES[number * 17 % len(GIVEN_NAMES)]} {get_name(number)}"


def get_title(number: int) -> str:
    """Return the title of a novel; different numbers give different titles."""
    rest, pattern = divmod(number, len(PATTERNS))
    rest, position = divmod(rest, _PAIRS)
    # The pattern shifts the words, so that eight titles in a row do not share them.
    words = _get_pair(position * SPREAD + pattern * _PAIRS // len(PATTERNS) + rest)
    return PATTERNS[pattern].format(*words, get_name(position * 613 + pattern * 8191 + rest * 7))


def get_heading(number: int) -> str:
    """Return the title of a chapter; many chapters share one."""
    return "The {} {}".format(*_get_pair(number * SPREAD))


def _get_pair(number: int) -> tuple[str, str]:
    adjective, noun = divmod(number % _PAIRS, len(NOUNS))
    return ADJECTIVES[adjective].capitalize(), NOUNS[noun].capitalize()


@cache
def _list_names() -> list[str]:
    """Return all names: looking them up is faster than building them, and they take 8 MB."""
    return [_build_name(number) for number in range(NAMES)]


def _build_name(number: int, middle: str = "") -> str:
    rest, last = divmod(number * SPREAD % NAMES, len(LAST))
    first, second = divmod(rest, len(MIDDLE))
    return f"{FIRST[first]}{MIDDLE[second]}{middle}{LAST[last]}".capitalize()
