"""Names and tags of languages to ISO 639-1 codes.

A table and not the package langcodes: that one takes 25 MB and 0.6 s in each child process that
parses a file, and reads "gaelic" as Scottish.
"""

from __future__ import annotations

from typing import Final

# The languages that Project Gutenberg names in full, and the three-letter codes of old EPUBs.
_CODES: Final = {
    name: code
    for code, names in {
        "af": "afrikaans afr",
        "ar": "arabic ara",
        "bg": "bulgarian bul",
        "ca": "catalan cat",
        "cs": "czech ces cze",
        "cy": "welsh cym wel",
        "da": "danish dan",
        "de": "german deu ger deutsch",
        "el": "greek ell gre",
        "en": "english eng",
        "eo": "esperanto epo",
        "es": "spanish spa castilian español",
        "et": "estonian est",
        "fa": "persian farsi fas per",
        "fi": "finnish fin",
        "fr": "french fra fre français",
        "fy": "frisian fry",
        "ga": "irish gle gaelic",
        "gl": "galician glg",
        "he": "hebrew heb",
        "hi": "hindi hin",
        "hr": "croatian hrv",
        "hu": "hungarian hun",
        "is": "icelandic isl ice",
        "it": "italian ita italiano",
        "ja": "japanese jpn",
        "ko": "korean kor",
        "la": "latin lat",
        "lt": "lithuanian lit",
        "nl": "dutch nld dut nederlands",
        "no": "norwegian nor",
        "oc": "occitan oci",
        "pl": "polish pol",
        "pt": "portuguese por português",
        "ro": "romanian ron rum",
        "ru": "russian rus русский",
        "sk": "slovak slk slo",
        "sl": "slovenian slovene slv",
        "sr": "serbian srp",
        "sv": "swedish swe",
        "tl": "tagalog tgl",
        "tr": "turkish tur",
        "uk": "ukrainian ukr",
        "vi": "vietnamese vie",
        "yi": "yiddish yid",
        "zh": "chinese zho chi",
    }.items()
    for name in names.split()
}


def language_code(text: str) -> str | None:
    """Return the code of the first language named: "English, French" and "en-GB" give "en"."""
    first = text.replace("_", "-").replace(",", " ").replace(";", " ").lower().split()[:1]
    word = first[0].split("-")[0] if first else ""
    if len(word) == 2 and word.isascii() and word.isalpha():
        return word
    return _CODES.get(word)
