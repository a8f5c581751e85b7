"""The check of `make lint` refuses the words that it names, where people read them."""

from __future__ import annotations

from tests.plain_english import checked_files, findings


def words(path: str, source: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.word) for finding in sorted(findings(path, source))]


def test_comments_docstrings_names_and_messages_are_checked() -> None:
    source = (
        '"""Tell\nwhoever calls."""\n'
        "# Nobody reads it.\n"
        "def answer_once():\n"
        '    raise ValueError("somebody calls")\n'
    )
    assert words("perf/x.py", source) == [
        (2, "whoever"),
        (3, "Nobody"),
        (4, "answer"),
        (5, "somebody"),
    ]


def test_texts_in_tests_are_data() -> None:
    assert words("tests/x.py", 'title = "The man who was Thursday"\n') == []


def test_vague_names_and_bare_participles_are_refused() -> None:
    source = "def measured(one):\n    found = one\n    return found\n\n\ndef seed():\n    pass\n"
    assert words("perf/x.py", source) == [(1, "measured"), (1, "one"), (2, "found")]


def test_code_in_a_text_is_not_checked() -> None:
    assert words("README.md", "Call `answer`.\nThe answer is late.\n") == [(2, "answer")]


def test_sql_comments_are_checked() -> None:
    assert words("novels/sql/x.sql", "-- of it\nSELECT 'who';\n") == [(1, "of it")]


def test_the_product_is_checked() -> None:
    files = checked_files()
    assert {"README.md", "manage.py", "novels/models.py", "tests/conftest.py"} <= {*files}
