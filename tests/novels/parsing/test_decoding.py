"""Encodings, and files that are refused because they hold no text."""

from __future__ import annotations

import codecs
import io

import pytest

from novels.parsing import ParseError, check_upload, parse_novel
from novels.parsing.decoding import decode_text

WESTERN = "“Déjà vu”, said the garçon — and the naïve Señor Müller paid €5 at the café.\n"
RUSSIAN = "Он сказал, что придёт завтра утром и принесёт старую книгу.\n\nПотом был вечер.\n"
POLISH = "Zażółć gęślą jaźń, powiedział król i poszedł do lasu. Była też żona i mąż.\n" * 40


@pytest.mark.parametrize(
    "data",
    [
        WESTERN.encode("utf-8"),
        WESTERN.encode("utf-8-sig"),
        WESTERN.encode("utf-16"),
        codecs.BOM_UTF16_BE + WESTERN.encode("utf-16-be"),
        WESTERN.encode("utf-16-le"),
        WESTERN.encode("utf-16-be"),
        WESTERN.encode("cp1252"),
        codecs.BOM_UTF32_LE + WESTERN.encode("utf-32-le"),
    ],
)
def test_western_encodings_are_recognised(data: bytes) -> None:
    assert decode_text(data) == WESTERN


def test_latin_1_is_recognised() -> None:
    text = "Où est la bête, garçon? Là-bas, près de la forêt où nous étions hier soir.\n"

    assert decode_text(text.encode("latin-1")) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "cp1251"), (RUSSIAN, "utf-16-le"), (RUSSIAN, "utf-16-be"), (POLISH, "cp1250")],
)
def test_other_alphabets_are_recognised(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


def test_the_declared_encoding_takes_precedence_over_a_guess() -> None:
    text = "Character set encoding: ISO-8859-2\n\nKůň byl žlutý a šel přes řeku.\n"

    assert decode_text(text.encode("iso8859-2")) == text


def test_a_latin_1_declaration_may_mean_windows_1252() -> None:
    text = "Character set encoding: ISO-8859-1\n\n“Hello”\n"

    assert decode_text(text.encode("cp1252")) == text


def test_a_declaration_of_no_character_set_is_ignored() -> None:
    text = "Character set encoding: zip\n\ncafé\n"

    assert decode_text(text.encode("cp1252")) == text


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_every_kind_of_line_end_is_understood(end: str) -> None:
    data = f"Chapter 1{end}{end}Rain fell.{end}{end}Chapter 2{end}{end}Snow fell.{end}".encode()

    chapters = parse_novel(io.BytesIO(data), filename="n.txt").chapters

    assert [chapter.content for chapter in chapters] == ["Rain fell.", "Snow fell."]


def test_invisible_characters_are_dropped_and_odd_spaces_made_plain() -> None:
    text = "so\xadft\u200b \ufeffhy\u2060phen\xa0and\u202fspace\x0cpage\x1a"

    assert decode_text(text.encode()) == "soft hyphen and space\npage"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (codecs.BOM_UTF8, "empty"),
        (codecs.BOM_UTF16_LE, "empty"),
        (b"abc\0def\0\0\0ghi", "binary"),
        (b"text " * 2000 + b"\0" + b"text " * 2000, "binary"),
        (bytes(range(1, 32)) * 20, "binary"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8abc", "binary"),
        (codecs.BOM_UTF8 + b"\xff\xfe\xfd", "binary"),
        (b"%PDF-1.7 ...", "unsupported"),
        (b"{\\rtf1 Hello}", "unsupported"),
        (b"\x89PNG\r\n\x1a\n....", "unsupported"),
        (b"<!DOCTYPE html><html><body>Hello</body></html>", "unsupported"),
        (b"x" * 60 + b"BOOKMOBI" + b"x" * 60, "unsupported"),
    ],
)
def test_a_file_without_text_is_refused_by_check_and_by_parse(data: bytes, code: str) -> None:
    with pytest.raises(ParseError) as checked:
        check_upload(io.BytesIO(data), "novel.txt")
    with pytest.raises(ParseError) as parsed:
        parse_novel(io.BytesIO(data), filename="novel.txt")

    assert checked.value.code == parsed.value.code == code
    assert str(parsed.value).endswith(".")
