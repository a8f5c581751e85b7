"""The words that sentences, titles and names are made of, the common ones first."""

from __future__ import annotations

from functools import cache

from .chance import draws, pick

NOUNS = """
man time day house hand night door eye woman room face way voice head morning heart road word
friend light child father mother fire water window name table world letter garden river street sea
brother sister stone horse book boat wind tree village ship town lamp captain wall hill stranger
winter summer evening shadow silence storm bridge forest key clock chair candle mirror market mill
harbour island lake mountain field church tower castle cellar attic kitchen library carriage train
station engine lantern rope sail anchor compass map coin ring sword knife hat coat glove boot dog
cat crow raven owl fox wolf bear deer swan bee moth rose apple bread cheese wine soup supper
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
threw tied trusted understood visited warned washed welcomed wondered dreaded mended measured
gathered guarded hid hunted imagined invited joined judged led mistook mourned obeyed praised
promised punished questioned raised repaired replaced robbed ruled scolded sheltered
""".split()

MANNERS = """
slowly again quietly suddenly never always often once soon gently carefully at-last alone
together softly silently patiently gladly sadly proudly bitterly eagerly calmly hastily idly
""".split()

PLACES = """
in-the-rain by-the-river before-dawn after-supper in-silence at-midnight near-the-harbour
under-the-stars behind-the-mill beyond-the-hills in-those-days without-a-word on-the-stairs
from-the-window in-the-dark along-the-wall through-the-snow for-many-years like-a-child
""".split()

LINKS = ["and", "but", "while", "because", "for", "until", "though", "as", "so", "when"]

GIVEN_NAMES = """
Anna John Mary William Elizabeth Thomas Clara Henry Margaret George Alice Edward Ruth Charles Jane
Robert Emma Samuel Helen Arthur Martha David Lucy Peter Sophie Walter Agnes Hugh Nora Felix Ida
Martin Rosa Oscar Vera Simon Greta Philip Hanna Victor Elsa Conrad Mina Julian Olga Rufus Stella
Anton Thea Leopold Judith Magnus Ingrid Emil Beatrice Cyril Dora Ernest Flora Gilbert Harriet
""".split()

ONSETS = "b br c cl d dr f fl g gr h j k l m n p pr r s sh st t th tr v w wh".split()
VOWELS = "a e i o u ai ea ee oa ou".split()
CODAS = "b ck d ft g l ll m n nd ng nt p r rd rn rt s sk st t th x".split()
JOINTS = "b d g l m n r s t v nd mb rl st lm".split()

NOUN_ENDINGS = ["", "", "er", "ing", "ness", "let", "ock", "age", "ment", "wood"]
ADJECTIVE_ENDINGS = ["y", "ish", "ful", "less", "en", "some", "ous", "ward"]
VERB_ENDINGS = ["ed", "ed", "led", "ened"]

INVENTED_NOUNS = 4000
INVENTED_ADJECTIVES = 1600
INVENTED_VERBS = 1000


def _stem(number: int) -> str:
    """Return a stem that looks English; different numbers mostly give different stems."""
    draw = draws("stem", number)
    first = pick(draw, ONSETS) + pick(draw, VOWELS)
    return first + (pick(draw, JOINTS) + pick(draw, VOWELS[:5]) if draw() < 0.5 else "")


def _invent_words(kind: str, count: int, endings: list[str], known: list[str]) -> list[str]:
    words = dict.fromkeys(known)
    draw = draws("lexicon", kind)
    while len(words) < len(known) + count:
        word = _stem(int(draw() * 1_000_000)) + pick(draw, CODAS) + pick(draw, endings)
        words[word] = None
    return list(words)


@cache
def nouns() -> list[str]:
    """All nouns, the common ones first."""
    return _invent_words("nouns", INVENTED_NOUNS, NOUN_ENDINGS, NOUNS)


@cache
def adjectives() -> list[str]:
    """All adjectives, the common ones first."""
    return _invent_words("adjectives", INVENTED_ADJECTIVES, ADJECTIVE_ENDINGS, ADJECTIVES)


@cache
def verbs() -> list[str]:
    """All transitive verbs in the past tense, the common ones first."""
    return _invent_words("verbs", INVENTED_VERBS, VERB_ENDINGS, VERBS)
