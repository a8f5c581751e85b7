"""Texts in many languages, layouts and encodings: chapters as made, and hardly a word lost."""

from __future__ import annotations

import io
import re
import textwrap
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from novels.parsing import parse_novel
from novels.parsing.heading_words import HEADING_WORDS
from novels.parsing.model import count_words


@dataclass(frozen=True)
class Prose:
    """Words to make sentences from, and what they can be encoded in."""

    words: tuple[str, ...]
    languages: tuple[str, ...]
    encodings: tuple[str, ...]
    separator: str = " "
    end: str = "."


UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32")
ANY = tuple(HEADING_WORDS)
WESTERN = ("en", "fr", "de", "es", "pt", "it", "nl", "sv", "da", "fi")
PROSES = (
    Prose(
        tuple(
            "elle était déjà très près de la forêt où le garçon avait laissé une clé dorée sans "
            "répondre à sa mère qui chantait toujours une vieille chanson d'été".split()
        ),
        WESTERN,
        ("cp1252", "latin-1"),
    ),
    Prose(tuple("wind sea lantern harbour letter snow bridge candle window".split()), ANY, UNICODE),
    Prose(
        tuple(
            "он сказал что придёт завтра утром и принесёт старую книгу которую никто ещё не читал "
            "потому что вечером было темно и холодно".split()
        ),
        ("ru", "bg"),
        ("utf-8", "cp1251", "koi8-r"),
    ),
    Prose(
        tuple(
            "król poszedł do lasu i powiedział że była też żona która miała złotą łódź oraz "
            "mąż jej śpiewał całą noc".split()
        ),
        ("pl", "cs", "hu", "hr"),
        ("utf-8", "cp1250"),
    ),
    Prose(
        tuple("夜雨敲窗 老船长点起一盏灯 海鸥在码头上空盘旋 谁也不知道那封信从哪里来".split()),
        ("zh",),
        ("utf-8", "utf-16", "gb18030"),
        "，",
        "。",
    ),
    Prose(
        tuple("雨が窓をたたいていた 老いた船長は だれもあの手紙が カモメが桟橋の上を".split()),
        ("ja",),
        ("utf-8", "shift_jis", "euc_jp"),
        "、",
        "。",
    ),
    Prose(
        tuple("비가 창문을 두드렸다 늙은 선장은 등불을 켰다 아무도 그 편지가".split()),
        ("ko",),
        ("utf-8", "euc_kr"),
    ),
)
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
CHINESE = "一二三四五六七八"
LAYOUTS = ("blank lines", "wrapped", "indented", "lines")
ASIAN = {"zh": "第{chinese}章", "ja": "第{arabic}話", "ko": "제{arabic}장"}


def heading_form(language: str, draw: st.DrawFn) -> str:
    if language in ASIAN:
        return ASIAN[language]
    word = HEADING_WORDS[language]["chapter"].split()[0]
    word = draw(st.sampled_from([word.capitalize(), word.upper()]))
    return draw(
        st.sampled_from([f"{word} {{arabic}}", f"{word} {{roman}}.", f"{{arabic}}. {word}"])
    )


def laid_out(paragraph: str, layout: str, *, is_asian: bool) -> str:
    if layout in ("lines", "blank lines"):
        return paragraph
    if is_asian:
        lines = [paragraph[i : i + 30] for i in range(0, len(paragraph), 30)]
    else:
        lines = textwrap.wrap(paragraph, 60, break_long_words=False, break_on_hyphens=False)
    indent = ("\u3000\u3000" if is_asian else "    ") if layout == "indented" else ""
    return indent + "\n".join(lines)


@st.composite
def texts(draw: st.DrawFn) -> tuple[bytes, list[str]]:
    prose = draw(st.sampled_from(PROSES))
    language = draw(st.sampled_from(prose.languages))
    layout = draw(st.sampled_from(LAYOUTS))
    is_asian = prose.separator != " "
    form = heading_form(language, draw)
    between = "\n" if layout in ("lines", "indented") else "\n\n"
    parts, bodies = [], []
    for number in range(1, draw(st.integers(2, 8)) + 1):
        heading = form.format(arabic=number, roman=ROMAN[number - 1], chinese=CHINESE[number - 1])
        # All words in any order: encodings are told apart by how often letters occur.
        orders = draw(st.lists(st.permutations(prose.words), min_size=2, max_size=5))
        paragraphs = [prose.separator.join(order).capitalize() + prose.end for order in orders]
        body = between.join(laid_out(each, layout, is_asian=is_asian) for each in paragraphs)
        parts.append(f"{heading}{between}{body}")
        bodies.append("".join(paragraphs))
    text = (between + "\n").join(parts)
    encoding = draw(st.sampled_from(prose.encodings))
    return text.encode(encoding, "ignore"), [
        body.encode(encoding, "ignore").decode(encoding) for body in bodies
    ]


def letters(text: str) -> str:
    return re.sub(r"[\s\u3000]", "", text)


@settings(deadline=None, max_examples=400)
@given(texts())
def test_chapters_are_as_made_and_no_word_is_lost(made: tuple[bytes, list[str]]) -> None:
    data, bodies = made

    novel = parse_novel(io.BytesIO(data), filename="novel.txt")

    kept = [letters(chapter.content) for chapter in novel.chapters]
    assert kept == [letters(body) for body in bodies]
    words = sum(count_words(body) for body in bodies)
    assert sum(chapter.word_count for chapter in novel.chapters) >= words * 0.98
    assert not [warning for warning in novel.warnings if warning.code != "passages_left_out"]
