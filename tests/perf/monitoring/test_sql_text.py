"""Statements that differ only in their values have one fingerprint; no value is in the text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from morpheus.tracing.request_trace import FinishedRequest
from perf.monitoring.sql_text import (
    MAX_CHARS,
    NORMALIZED_COMMIT,
    format_sql,
    mask_values,
    normalize,
    normalize_statement,
)


def have_same_fingerprint(*statements: str) -> bool:
    return len({normalize_statement(statement).fingerprint for statement in statements}) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("SELECT 1 FROM t WHERE a = 5", "SELECT 1 FROM t WHERE a = -3.5e7"),
        ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'it''s \\'"),
        ("SELECT a FROM t WHERE b = E'x'", "SELECT a FROM t WHERE b = E'it\\'s'"),
        ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = $$it's$$"),
        ("SELECT a FROM t WHERE b = $x$1$x$", "SELECT a FROM t WHERE b = $x$a $$ b$x$"),
        ("SELECT a FROM t WHERE b = %s", "SELECT a FROM t WHERE b = $1"),
        ("SELECT a FROM t WHERE b = %(name)s", "SELECT a FROM t WHERE b = 'Ann'"),
        ("SELECT a FROM t WHERE b = %s::bigint[]", "SELECT a FROM t WHERE b = '{1,2}'::bigint[]"),
        ("SELECT a FROM t WHERE b IN (%s)", "SELECT a FROM t WHERE b IN (%s, %s, %s)"),
        ("SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN ($1, $2,$3)"),
        ("SELECT ARRAY[1]", "SELECT ARRAY[1, 2, 3]"),
        ("INSERT INTO t VALUES (%s, NULL)", "INSERT INTO t VALUES (%s, %s), (TRUE, %s)"),
        ("SELECT a\n  FROM t;", "SELECT a FROM t -- why\n"),
        ("SELECT /* 'here' */ a FROM t", "SELECT a FROM t"),
        ('SAVEPOINT "s1_x2"', 'SAVEPOINT "s140_x7"'),
        ('RELEASE SAVEPOINT "s1_x2"', 'RELEASE SAVEPOINT "s140_x7"'),
        (
            'DECLARE "_django_curs_1_sync_1" NO SCROLL CURSOR FOR SELECT a FROM t',
            'DECLARE "_django_curs_140_sync_22" NO SCROLL CURSOR FOR SELECT a FROM t',
        ),
        (
            "SELECT a FROM t WHERE b LIKE 'x%%' AND c %% 2",
            "SELECT a FROM t WHERE b LIKE '' AND c % 3",
        ),
    ],
)
def test_statements_with_other_values_have_the_same_fingerprint(first: str, second: str) -> None:
    assert have_same_fingerprint(first, second), (
        normalize_statement(first),
        normalize_statement(second),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("SELECT a FROM t", "SELECT b FROM t"),
        ("SELECT a FROM t1", "SELECT a FROM t2"),
        ("SELECT a FROM t", "SELECT a FROM t FOR UPDATE"),
        ('SELECT "a1" FROM t', 'SELECT "a2" FROM t'),
        ("SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a DESC"),
        ("SELECT a FROM t WHERE b IS NULL", "SELECT a FROM t WHERE b IS NOT NULL"),
    ],
)
def test_other_statements_have_other_fingerprints(first: str, second: str) -> None:
    assert not have_same_fingerprint(first, second)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t WHERE b = 'a -- secret' AND c = 'secret'",
        "SELECT a FROM t WHERE b = '/*' AND c = 'secret' AND d = '*/ secret'",
        "SELECT a FROM t WHERE b = 'x$$' AND c = 'secret' AND d = '$$secret'",
        "SELECT a FROM t WHERE b = ('a\\', 'secret')",
        "SELECT a FROM t WHERE \"it's\" = 'secret' AND \"--\" = 'secret'",
        "SELECT a FROM t WHERE b = E'\\\\' AND c = 'secret'",
        "-- it's\nSELECT 'secret'",
        "SELECT 'secret" + "secret" * MAX_CHARS,
        "SELECT $x$secret" + "secret" * MAX_CHARS,
        "SELECT a FROM t WHERE b = U&'secret' OR b = B'1' OR b = N'secret'",
    ],
)
def test_normalized_text_holds_no_value(text: str) -> None:
    assert "secret" not in normalize_statement(text).text
    assert "secret" not in mask_values(text)


def test_a_quoted_name_is_not_masked() -> None:
    assert mask_values("""SELECT "it's 5" FROM t1""") == """SELECT "it's 5" FROM t1"""


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT a FROM t WHERE b = 1", "simple"),
        ("  \n WITH x AS (SELECT 1) SELECT a FROM x", "simple"),
        ("COPY t TO STDOUT", "simple"),
        ("SELECT a FROM t JOIN u ON t.id = u.id", "join"),
        ("SELECT a FROM t WHERE b = 'a JOIN b'", "simple"),
        ("SELECT a FROM t WHERE v @@ websearch_to_tsquery('x')", "search"),
        ("SELECT ts_headline('a', b) FROM t JOIN u ON true", "search"),
        ("INSERT INTO t (a) SELECT a FROM u JOIN v ON true", "write"),
        ("WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone", "write"),
        ("COPY t FROM STDIN", "write"),
        ("SAVEPOINT x", "control"),
        ("SELECT set_config('app.user_id', '5', true)", "control"),
        ("SET LOCAL statement_timeout = 5", "control"),
    ],
)
def test_a_statement_has_its_kind(sql: str, kind: str) -> None:
    assert normalize_statement(sql).kind == kind


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


@pytest.mark.parametrize(
    ("sql", "is_read", "locks_rows", "is_control"),
    [
        ("SELECT a FROM t", True, False, False),
        ("SELECT a FROM t FOR NO KEY UPDATE", True, True, False),
        ("SELECT set_config('app.user_id', '5', true)", False, False, True),
        ("UPDATE t SET a = 1", False, False, False),
        ("COMMIT", False, False, True),
    ],
)
def test_a_statement_is_classified(
    sql: str, is_read: bool, locks_rows: bool, is_control: bool
) -> None:
    its = normalize_statement(sql)

    assert (its.is_read, its.locks_rows, its.kind == "control") == (is_read, locks_rows, is_control)


def test_long_statements_are_laid_out_by_clause() -> None:
    sql = 'SELECT "a" FROM "t" WHERE "b" IN (%s, %s, %s) ORDER BY "a"'

    assert format_sql(sql) == "SELECT a\nFROM t\nWHERE b IN (%s, …)\nORDER BY a"


def make_picture() -> SimpleUploadedFile:
    bytes_ = io.BytesIO()
    Image.new("RGB", (4, 4)).save(bytes_, "PNG")
    return SimpleUploadedFile("panel.png", bytes_.getvalue(), "image/png")


@pytest.mark.django_db(transaction=True)
def test_pg_stat_statements_has_the_same_fingerprints(
    monkeypatch: pytest.MonkeyPatch,
    connect: Any,
    make_user: Any,
    as_user: Any,
    make_novels: Any,
    make_chapters: Any,
) -> None:
    """The dashboard joins its statements with routes by fingerprint."""
    requests: list[FinishedRequest] = []
    monkeypatch.setattr("morpheus.tracing.events.on_requests_finished", [requests.extend])
    superuser = connect("superuser")
    superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    owner = make_user("owner")
    novel, *_ = make_novels(3, owner=owner)
    make_chapters(novel, "Once upon a time.")
    client = as_user(owner)
    name = superuser.info.dbname
    superuser.execute(
        "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = %s", [name]
    )

    for url in (
        *("users/me/", "users/me/dashboard/", "novels/", "novels/?owner=me", "novels/?author=x"),
        *(f"novels/{novel.pk}/", f"novels/{novel.pk}/chapters/", f"novels/{novel.pk}/chapters/1/"),
        *("novels/?ordering=title&page_size=1", "search/?q=once", "search/?q=once&scope=mine"),
        *("comics/", "comics/?owner=me", f"comics/?novel={novel.pk}"),
    ):
        assert client.get(f"/api/v1/{url}").status_code == 200, url
    next_page = client.get("/api/v1/novels/?ordering=title&page_size=1").json()["next"]
    assert client.get(next_page).status_code == 200
    client.patch("/api/v1/users/me/", {"bio": "Reads."})
    client.patch(f"/api/v1/novels/{novel.pk}/", {"title": "Another"})
    comic = client.post("/api/v1/comics/", {"title": "New"}).json()
    panels = f"/api/v1/comics/{comic['id']}/panels/"
    client.post(panels, {"number": 1, "image": make_picture()}, format="multipart")
    client.get(panels)
    client.delete(f"/api/v1/comics/{comic['id']}/")
    client.delete(f"/api/v1/novels/{novel.pk}/")

    assert all(request.status < 300 for request in requests), [
        (request.route, request.status) for request in requests if request.status >= 300
    ]
    executed = {
        (request.route, its)
        for request in requests
        if request.trace is not None
        for statement in request.trace.statements
        if (its := normalize(statement)) is not NORMALIZED_COMMIT
    }
    recorded = {
        normalize_statement(query).fingerprint
        for (query,) in superuser.execute(
            "SELECT query FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid "
            "WHERE datname = %s",
            [name],
        )
    }
    assert len(executed) > 40
    missing = [
        (route, its.text)
        for route, its in sorted(executed, key=str)
        if its.fingerprint not in recorded
    ]
    assert missing == []
