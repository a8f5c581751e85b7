"""No value of a statement is in its shape, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from perf.monitoring.sql_text import MAX_CHARS, normalize_statement


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT a('x', %s), b('y', %s)", "SELECT a(?), b(?)"),
        ("x = 'it''s' AND y = 'b' AND z = 'c'", "x = ? AND y = ? AND z = ?"),
        ("x = 'a--b' AND y = '/*' -- Ann's\n AND z = 1", "x = ? AND y = ? AND z = ?"),
        (r"x = E'it\'s' AND y = 'b\' AND z = 'c'", "x = ? AND y = ? AND z = ?"),
        ("x = $$it's$$ AND y = $t$ $$ $t$ AND z = $3", "x = ? AND y = ? AND z = ?"),
        ('"o\'x" = \'secret\' AND "y" = 2', '"o\'x" = ? AND "y" = ?'),
    ],
)
def test_quotes_are_read_as_postgresql_reads_them(sql: str, text: str) -> None:
    assert normalize_statement(sql).text == text


@pytest.mark.parametrize("opened", ["'", "E'", "$$", "/* "])
def test_a_value_that_is_cut_off_is_not_shown(opened: str) -> None:
    assert "secret" not in normalize_statement(f"SELECT {opened}{'secret ' * MAX_CHARS}").text
