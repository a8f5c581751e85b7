"""The words that begin chapters and parts, by language; the number may stand before or after.

Case and accents do not count, so they need not be right: "CAPITULO" is "capítulo".
"""

from __future__ import annotations

import unicodedata
from typing import Final, Literal

Kind = Literal[
    "chapter", "letter", "canto", "night", "day", "section", "act", "part", "book", "volume"
]

# Each language's words, one line a language: {kind: "words and abbreviations"}.
HEADING_WORDS: Final[dict[str, dict[Kind, str]]] = {
    "en": {
        "chapter": "chapter chap ch",
        "letter": "letter epistle",
        "canto": "canto",
        "night": "night",
        "day": "day",
        "section": "section scene",
        "act": "act",
        "part": "part pt",
        "book": "book bk",
        "volume": "volume vol tome",
    },
    "af": {"chapter": "hoofstuk", "part": "deel", "book": "boek"},
    "ar": {"chapter": "الفصل فصل الباب باب", "part": "الجزء جزء القسم", "book": "الكتاب"},
    "az": {"chapter": "fəsil", "part": "hissə", "book": "kitab", "volume": "cild"},
    "be": {"chapter": "раздзел глава", "part": "частка", "book": "кніга", "volume": "том"},
    "bg": {"chapter": "глава", "part": "част", "book": "книга", "volume": "том"},
    "bn": {"chapter": "অধ্যায় পরিচ্ছেদ", "part": "খণ্ড ভাগ"},
    "ca": {"chapter": "capítol", "part": "part", "book": "llibre", "volume": "volum"},
    "cs": {
        "chapter": "kapitola kap hlava",
        "part": "část díl oddíl",
        "book": "kniha",
        "volume": "svazek",
        "act": "jednání dějství",
    },
    "cy": {"chapter": "pennod", "part": "rhan", "book": "llyfr"},
    "da": {"chapter": "kapitel kap", "part": "del", "book": "bog", "volume": "bind"},
    "de": {
        "chapter": "kapitel kap",
        "letter": "brief",
        "canto": "gesang",
        "night": "nacht vigilie",
        "act": "akt aufzug",
        "section": "abschnitt szene",
        "part": "teil theil abteilung abtheilung",
        "book": "buch",
        "volume": "band",
    },
    "el": {
        "chapter": "κεφάλαιο κεφάλαιον κεφ",
        "part": "μέρος",
        "book": "βιβλίο βιβλίον",
        "volume": "τόμος",
    },
    "eo": {"chapter": "ĉapitro", "part": "parto", "book": "libro", "volume": "volumo"},
    "es": {
        "chapter": "capítulo cap",
        "letter": "carta",
        "canto": "canto",
        "act": "acto jornada",
        "section": "escena",
        "part": "parte",
        "book": "libro",
        "volume": "tomo volumen",
    },
    "et": {"chapter": "peatükk", "part": "osa", "book": "raamat", "volume": "köide"},
    "eu": {"chapter": "kapitulua atala", "part": "zatia", "book": "liburua"},
    "fa": {"chapter": "فصل", "part": "بخش", "book": "کتاب", "volume": "جلد"},
    "fi": {"chapter": "luku", "part": "osa", "book": "kirja", "volume": "nide"},
    "fr": {
        "chapter": "chapitre chap",
        "letter": "lettre",
        "canto": "chant",
        "night": "nuit",
        "act": "acte",
        "section": "scène",
        "part": "partie",
        "book": "livre",
        "volume": "tome volume",
    },
    "ga": {"chapter": "caibidil", "part": "cuid"},
    "he": {"chapter": "פרק", "part": "חלק", "book": "ספר", "volume": "כרך"},
    "hi": {"chapter": "अध्याय", "part": "भाग", "volume": "खंड"},
    "hr": {"chapter": "poglavlje glava", "part": "dio deo", "book": "knjiga", "volume": "svezak"},
    "hu": {
        "chapter": "fejezet",
        "act": "felvonás",
        "part": "rész",
        "book": "könyv",
        "volume": "kötet",
    },
    "hy": {"chapter": "գլուխ", "part": "մաս", "book": "գիրք"},
    "id": {"chapter": "bab", "part": "bagian", "book": "buku", "volume": "jilid"},
    "is": {"chapter": "kafli kapítuli", "part": "hluti þáttur", "book": "bók"},
    "it": {
        "chapter": "capitolo cap",
        "letter": "lettera",
        "canto": "canto",
        "act": "atto",
        "section": "scena",
        "part": "parte",
        "book": "libro",
        "volume": "tomo volume",
    },
    "ka": {"chapter": "თავი", "part": "ნაწილი", "book": "წიგნი"},
    "la": {"chapter": "caput capitulum", "part": "pars", "book": "liber"},
    "lt": {"chapter": "skyrius pasaka", "part": "dalis", "book": "knyga", "volume": "tomas"},
    "lv": {"chapter": "nodaļa", "part": "daļa", "book": "grāmata", "volume": "sējums"},
    "mk": {"chapter": "поглавје глава", "part": "дел", "book": "книга"},
    "ms": {"chapter": "bab", "part": "bahagian", "book": "buku", "volume": "jilid"},
    "nl": {
        "chapter": "hoofdstuk",
        "letter": "brief",
        "part": "deel afdeeling",
        "book": "boek",
        "volume": "deel",
    },
    "no": {
        "chapter": "kapittel kapitel kap stykke",
        "part": "del",
        "book": "bok",
        "volume": "bind",
    },
    "pl": {
        "chapter": "rozdział rozdz",
        "letter": "list",
        "canto": "pieśń",
        "act": "akt",
        "part": "część",
        "book": "księga",
        "volume": "tom",
    },
    "pt": {
        "chapter": "capítulo capitulo cap",
        "letter": "carta",
        "canto": "canto",
        "act": "acto ato",
        "section": "scena cena",
        "part": "parte",
        "book": "livro",
        "volume": "tomo volume",
    },
    "ro": {
        "chapter": "capitolul capitol cap",
        "act": "actul",
        "part": "partea",
        "book": "cartea",
        "volume": "volumul tomul",
    },
    "ru": {
        "chapter": "глава гл",
        "letter": "письмо",
        "canto": "песнь",
        "night": "ночь",
        "day": "день",
        "act": "действие акт",
        "section": "явление сцена",
        "part": "часть",
        "book": "книга",
        "volume": "том",
    },
    "sk": {"chapter": "kapitola", "part": "časť diel", "book": "kniha", "volume": "zväzok"},
    "sl": {"chapter": "poglavje", "part": "del", "book": "knjiga", "volume": "zvezek"},
    "sq": {"chapter": "kapitulli kreu", "part": "pjesa", "book": "libri"},
    "sr": {
        "chapter": "поглавље глава",
        "part": "део дѣо дио",
        "book": "књига",
        "volume": "том свеска",
    },
    "sv": {"chapter": "kapitel kapitlet kap", "part": "del delen", "book": "bok boken"},
    "sw": {"chapter": "sura", "part": "sehemu"},
    "ta": {"chapter": "அத்தியாயம்", "part": "பாகம்"},
    "th": {"chapter": "บทที่ บท ตอนที่", "part": "ภาค ภาคที่", "volume": "เล่ม เล่มที่"},
    "tl": {"chapter": "kabanata", "part": "bahagi", "book": "aklat"},
    "tr": {"chapter": "bölüm", "part": "kısım", "book": "kitap", "volume": "cilt"},
    "uk": {
        "chapter": "розділ глава",
        "letter": "лист",
        "canto": "пісня",
        "act": "дія",
        "part": "частина часть",
        "book": "книга",
        "volume": "том",
    },
    "ur": {"chapter": "باب", "part": "حصہ", "volume": "جلد"},
    "vi": {"chapter": "chương hồi", "part": "phần", "book": "quyển", "volume": "tập"},
}

# Further words of English, each with numbers of its own.
SERIES_WORDS: Final = "adventure stave tale story episode sketch fable lecture voyage".split()

# Chinese, Japanese and Korean put the number inside: 第三章, 제3장.
COUNTERS: Final[dict[Kind, str]] = {
    "chapter": "章 回 話 话 囘 장 화 회",
    "night": "夜",
    "section": "节 節 場 场 절",
    "act": "幕 折 막",
    "part": "部分 部份 部 篇 編 编 부 편",
    "volume": "卷 巻 册 冊 集 권",
}

# "Chapter the Last" goes on with any number.
LAST_WORDS: Final = frozenset(
    "last letztes letzter dernier derniere ultimo ultima laatste sidste siste sista последняя "
    "posledni ostatni utolso viimeinen".split()
)


def fold(text: str) -> str:
    """Return a text without case and accents, as words of headings are compared."""
    if text.isascii():
        return text.lower()
    # Turkish capitals have no way back to the letter without a dot.
    parts = unicodedata.normalize("NFKD", text.replace("ı", "i"))
    bare = "".join(char for char in parts if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", bare).casefold()


def _by_word() -> dict[str, str]:
    kinds: dict[str, str] = {word: word for word in SERIES_WORDS}
    for words in HEADING_WORDS.values():
        for kind, names in words.items():
            for name in names.split():
                kinds.setdefault(fold(name), kind)
    return kinds


# The kind of each folded word, of all languages together.
KINDS: Final = _by_word()
# With accents and without, so that most lines need no folding.
SPELLINGS: Final = frozenset(
    {
        *KINDS,
        *(
            name.lower()
            for words in HEADING_WORDS.values()
            for names in words.values()
            for name in names.split()
        ),
    }
)
CONTAINER_KINDS: Final = frozenset({"act", "part", "book", "volume"})
ENGLISH_WORDS: Final = frozenset(
    {*SERIES_WORDS, *(w for words in HEADING_WORDS["en"].values() for w in words.split())}
)
