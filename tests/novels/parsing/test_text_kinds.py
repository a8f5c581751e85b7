"""Kinds of real text files: where their chapters begin, and which parts are left out."""

from __future__ import annotations

import io

import pytest

from novels.parsing import ParsedNovel, parse_novel
from novels.parsing.languages import detect_language, language_code
from novels.parsing.model import count_words

PROSE = (
    "Nobody in the village had seen the old man since the night of the great storm, and nobody "
    "asked for him, because the winter had been long and every house had troubles of its own."
)
CHINESE = "夜雨敲窗，老船长点起一盏灯。海鸥在码头上空盘旋，谁也不知道那封信从哪里来。"
WRAPPED = (
    "Nobody in the village had seen the old man since the night of\n"
    "the great storm, and nobody asked for him, because the winter\n"
    "had been long and every house had troubles of its own."
)
NOVEL_OF_MANY_WORDS = "\n\n".join([PROSE] * 8)


def parse(text: str) -> ParsedNovel:
    return parse_novel(io.BytesIO(text.encode()), filename="novel.txt")


def book(*headings: str, body: str = PROSE) -> str:
    return "\n\n\n".join(f"{heading}\n\n{body}" for heading in headings)


def titles(text: str) -> list[str]:
    return [chapter.title for chapter in parse(text).chapters]


def left_out(text: str) -> dict[str, int]:
    return {part.name: part.words for part in parse(text).left_out}


@pytest.mark.parametrize(
    "numbers",
    ["I II III VI V VI VII VIII", "1 2 3 5 6", "I II II IV V", "2 3 4 5"],
)
def test_one_broken_number_does_not_end_a_series(numbers: str) -> None:
    for heading in ("{}. THE HARBOUR", "Chapter {}"):
        text = book(*(heading.format(number) for number in numbers.split()))

        assert len(titles(text)) == len(numbers.split())


def test_a_title_may_wrap() -> None:
    heading = (
        "CHAPTER {}. In Which the Captain and the Baker Go to the Old\nOrchard, and What They Met"
    )

    text = book(*(heading.format(number) for number in range(1, 4)), body=WRAPPED)

    assert set(titles(text)) == {heading.partition(". ")[2].replace("\n", " ")}
    assert {chapter.content for chapter in parse(text).chapters} == {PROSE}


def test_parts_in_the_contents_make_no_chapters() -> None:
    parts = {"PART ONE": "THE LAMP;THE KEY", "PART TWO": "THE BOAT;THE ROPE"}
    contents = body = ""
    number = 0
    for part, names in parts.items():
        contents += f"     {part}\n\n"
        body += f"\n\n{part}\n\n\n"
        for name in names.split(";"):
            number += 1
            contents += f"{number}.  {name}   {number * 9}\n"
            body += f"{number}\n\n\n{name.title()}\n\n\n{NOVEL_OF_MANY_WORDS}\n\n\n"
        contents += "\n"

    text = f"THE ISLE\n\nBy A. Tester\n\nCONTENTS\n\n{contents}\n\n{body}"

    assert titles(text) == [
        "PART ONE — The Lamp",
        "PART ONE — The Key",
        "PART TWO — The Boat",
        "PART TWO — The Rope",
    ]
    assert left_out(text).keys() == {"contents", "title page"}
    assert {warning.code for warning in parse(text).warnings} == {"passages_left_out"}


def test_contents_with_summaries_make_no_chapters() -> None:
    summaries = "\n\n".join(f"CHAPTER {n}.\nThe Boys Escape.--Plans.--A Dark Night." for n in "IV")
    chapters = book("CHAPTER I.", "CHAPTER V.", body=NOVEL_OF_MANY_WORDS)

    assert titles(f"CONTENTS\n\n{summaries}\n\n\n{chapters}") == ["CHAPTER I", "CHAPTER V"]


def test_a_book_that_the_text_mentions_is_no_part() -> None:
    mention = "BOOK I. (Folio), CHAPTER I. (Right Lamp).--This is the oldest lamp of all."
    text = book("CHAPTER 1. Home", "CHAPTER 2. Away") + f"\n\n{mention}\n\n{PROSE}\n\n"

    assert titles(text + book("CHAPTER 3. Back")) == ["Home", "Away", "Back"]


def test_paragraphs_typed_as_lines_need_no_blank_lines() -> None:
    lines = [PROSE, "“Where is the lantern?”", "“By the stairs.”", "She laughed."] * 4
    text = "\n".join(f"Chapter {n}\n" + "\n".join(lines) for n in (1, 2, 3))

    chapters = parse(text).chapters

    assert [chapter.title for chapter in chapters] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    assert chapters[0].content.split("\n\n") == lines


@pytest.mark.parametrize("indent", ["\t", "    ", "\u3000\u3000"])
def test_indented_lines_open_paragraphs(indent: str) -> None:
    text = "\n".join(f"Chapter {n}\n" + f"{indent}{WRAPPED}\n" * 6 for n in (1, 2))

    chapters = parse(text).chapters

    assert [chapter.content.split("\n\n") for chapter in chapters] == [[PROSE] * 6] * 2


def test_chinese_lines_are_joined_without_spaces() -> None:
    wrapped = "\n".join(CHINESE[i : i + 12] for i in range(0, len(CHINESE), 12))

    chapters = parse(book("第一章 码头", "第二章 钥匙", body=f"{wrapped}\n\n{wrapped}")).chapters

    assert [chapter.title for chapter in chapters] == ["码头", "钥匙"]
    assert chapters[0].content == f"{CHINESE}\n\n{CHINESE}"


def test_chinese_paragraphs_of_one_line_stay_apart() -> None:
    paragraphs = f"　　{CHINESE}\n　　“你回来了？”她问道。\n" * 8
    text = f"《灯与海》\n作者：某某\n\n第一章 码头\n{paragraphs}\n第二章 钥匙\n{paragraphs}"

    chapters = parse(text).chapters

    assert [chapter.title for chapter in chapters] == ["码头", "钥匙"]
    assert chapters[0].content.split("\n\n")[:2] == [CHINESE, "“你回来了？”她问道。"]


def test_titles_that_stand_apart_are_chapters() -> None:
    names = ["THE SON OF THE BRAHMAN", "With the Samanas", "Az ezüst kecske"]
    chapters = "".join(f"\n\n\n\n{name}\n\n{NOVEL_OF_MANY_WORDS}" for name in names)

    assert titles(f"SIDDHARTHA\n\n\nAn Indian Tale\n\n\n{chapters}") == names


def test_numbered_notes_at_the_end_are_no_chapters() -> None:
    notes = "\n\n".join(f"{n}\n\nAs it should be." for n in range(1, 20))

    text = book("I", "II", "III", body=NOVEL_OF_MANY_WORDS) + f"\n\n\n{notes}"

    assert titles(text) == ["Chapter I", "Chapter II", "Chapter III"]


def test_markdown_headings_are_chapters() -> None:
    text = f"# The Storm\n\n## Home\n\n{PROSE}\n\n## 2. Away\n\n{PROSE}\n\n### Later\n\n{PROSE}"

    assert titles(text) == ["Home", "Away"]


def test_aozora_readings_and_notes_are_dropped() -> None:
    rule = "-" * 55
    text = (
        f"坊っちゃん\n夏目漱石\n\n{rule}\n【テキスト中に現れる記号について】\n\n《》：ルビ\n{rule}\n\n"
        "［＃５字下げ］一［＃「一」は中見出し］\n\n　親譲《おやゆず》りの無鉄砲《むてっぽう》で"
        "小供の時から損ばかりしている。\n\n［＃５字下げ］二［＃「二」は中見出し］\n\n"
        "　ぶうと云って汽船がとまると、艀が岸を離れて、漕ぎ寄せて来た。\n\n"
        "底本：「ちくま日本文学全集」筑摩書房\n"
    )

    novel = parse(text)

    assert (novel.title, novel.author, novel.language) == ("坊っちゃん", "夏目漱石", "ja")
    assert novel.chapters[0].content == "親譲りの無鉄砲で小供の時から損ばかりしている。"
    assert len(novel.chapters) == 2


def test_what_a_publisher_added_is_left_out_and_named() -> None:
    start, end = (f"*** {word} OF THE PROJECT GUTENBERG EBOOK X ***" for word in ("START", "END"))
    chapters = book("Chapter 1", "Chapter 2", body=NOVEL_OF_MANY_WORDS)
    note = "TRANSCRIBER'S NOTE\n\nTypographical errors were corrected."

    text = f"Free of charge.\n\n{start}\n\n[Illustration: A sea]\n\n{chapters}\n\n{note}\n\n{end}\n"

    assert left_out(text).keys() == {"header and licence", "captions", "notes"}
    assert {warning.code for warning in parse(text).warnings} == {"passages_left_out"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It was a dark night.", 5),
        (CHINESE, 33),
        ("他用iPhone打电话。", 6),
        ("カモメが飛ぶ。", 6),
        ("비가 창문을 두드렸다.", 3),
        ("ฝนตก หนัก", 2),
        ("", 0),
    ],
)
def test_words_are_counted_as_word_processors_do(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("English, French", "en"),
        ("en-GB", "en"),
        ("ger", "de"),
        ("grc", "grc"),
        ("kab", "kab"),
        ("fil", "tl"),
        ("nb-NO", "no"),
        ("iw", "he"),
        ("Russian", "ru"),
        ("xx", None),
        ("und", None),
        ("of the sea", None),
    ],
)
def test_languages_are_named_by_their_shortest_code(name: str, code: str | None) -> None:
    assert language_code(name) == code


def test_the_language_is_detected_where_the_file_does_not_name_it() -> None:
    german = "Es war einmal ein alter Mann, der wohnte mit seiner Frau in einem kleinen Haus. " * 8

    assert parse(f"Chapter 1\n\n{german}").language == "de"
    assert parse(book("第一章", "第二章", body=CHINESE * 20)).language == "zh"
    assert detect_language("Too short.") is None


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Élodie a trouvé la clé dorée près de l’évier, très légère.\n", "utf-8"),
        ("Он сказал, что придёт завтра утром и принесёт старую книгу.\n", "utf-8"),
        ("Он сказал, что придёт завтра утром и принесёт старую книгу.\n", "koi8-r"),
        (CHINESE + "\n", "gb18030"),
        (CHINESE.replace("码", "馬") + "\n", "big5"),
        ("雨が窓をたたいていた。老いた船長はランプに火をともした。\n", "shift_jis"),
        ("비가 창문을 두드렸다. 늙은 선장은 등불을 켰다.\n", "euc_kr"),
    ],
)
def test_one_invalid_byte_is_one_replacement_character(text: str, encoding: str) -> None:
    data = text.encode(encoding, "ignore") * 100
    half = data.index(b"\n", len(data) // 2) + 1

    novel = parse_novel(io.BytesIO(data[:half] + b"\xff" + data[half:]), "novel.txt")

    content = novel.chapters[0].content
    assert "".join(content.split()).startswith("".join(data[:half].decode(encoding).split())[:90])
    assert content.count("\ufffd") <= 1


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "shift_jis", "euc_kr"])
def test_an_extra_byte_inside_of_a_character_costs_that_character(encoding: str) -> None:
    text = {
        "shift_jis": "雨が窓をたたいていた。老いた船長はランプに火をともした。\n",
        "euc_kr": "비가 창문을 두드렸다. 늙은 선장은 등불을 켰다.\n",
    }.get(encoding, CHINESE + "\n")
    data = text.encode(encoding, "ignore") * 60
    half = data.index(b"\n", len(data) // 2) + 2

    novel = parse_novel(io.BytesIO(data[:half] + b"\xff" + data[half:]), "novel.txt")

    assert 1 <= novel.chapters[0].content.count("\ufffd") <= 2
    assert [warning.code for warning in novel.warnings] == ["undecodable_bytes"]
