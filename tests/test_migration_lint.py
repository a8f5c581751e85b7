"""Each rule of `tests.migration_lint` refuses a migration, and lets the usual ways through."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from django.contrib.postgres import operations as postgres
from django.db import OperationalError, connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.migration_lint import lint

MOOD = ("novel", "mood")
COMIC_FK = (
    "ALTER TABLE comics_comic ADD CONSTRAINT scratch_fk FOREIGN KEY (novel_id) REFERENCES x (id)"
)


@cache
def schema() -> ProjectState:
    return MigrationLoader(None).project_state()


def sql(text: str) -> migrations.RunSQL:
    return migrations.RunSQL([text])


def lint_operations(*operations: Any, atomic: bool = True, contract: str = "") -> set[str]:
    content = {"operations": operations, "atomic": atomic, "contract": contract}
    migration = type("Migration", (migrations.Migration,), content)("9999_scratch", "novels")
    return set(lint(migration, schema().clone()))


def index() -> models.Index:
    return models.Index(fields=["synopsis"], name="novels_novel_scratch_idx")


def check() -> models.CheckConstraint:
    condition = models.Q(word_count__lt=10**8)
    return models.CheckConstraint(condition=condition, name="novels_novel_scratch_ck")


def unique() -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=["title"], name="novels_novel_scratch_uq")


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        # The previous release inserts rows without the column.
        ("adding-required-field", sql("ALTER TABLE novels_novel ADD COLUMN mood text NOT NULL")),
        (
            "ban-drop-default",
            migrations.AddField(*MOOD, models.CharField(default="", max_length=9)),
        ),
        # It reads things that are dropped or renamed.
        ("ban-drop-column", migrations.RemoveField("novel", "synopsis")),
        ("ban-drop-table", migrations.DeleteModel("ChapterText")),
        ("ban-drop-view", sql("DROP VIEW users_publicuser")),
        ("ban-drop-function", sql("DROP FUNCTION cache_touch(text[])")),
        ("ban-drop-constraint", sql("ALTER TABLE novels_chapter DROP CONSTRAINT scratch_uq")),
        ("renaming-column", migrations.RenameField("novel", "synopsis", "summary")),
        ("renaming-table", migrations.AlterModelTable("Novel", "novels_book")),
        # A rewrite or a scan of a table that reads or writes wait for.
        (
            "changing-column-type",
            migrations.AlterField("novel", "author", models.TextField()),
        ),
        (
            "adding-field-with-default",
            sql("ALTER TABLE novels_novel ADD COLUMN at timestamptz DEFAULT clock_timestamp()"),
        ),
        ("adding-not-nullable-field", sql("ALTER TABLE novels_novel ALTER COLUMN x SET NOT NULL")),
        ("adding-foreign-key-constraint", sql(COMIC_FK)),
        ("constraint-missing-not-valid", migrations.AddConstraint("novel", check())),
        ("disallowed-unique-constraint", migrations.AddConstraint("novel", unique())),
        ("require-concurrent-index-creation", migrations.AddIndex("novel", index())),
        (
            "require-concurrent-index-deletion",
            migrations.RemoveIndex("novel", "novels_novel_newest_idx"),
        ),
        ("require-concurrent-reindex", sql("REINDEX TABLE novels_novel")),
        ("blocking", sql("CLUSTER novels_novel USING novels_novel_pkey")),
        ("blocking", sql("LOCK TABLE novels_novel")),
        ("blocking", sql("TRUNCATE novels_genre")),
        ("blocking", sql("ALTER TABLE novels_novel SET UNLOGGED")),
        # Locked rows keep writers out until the commit.
        ("atomic-data", sql("UPDATE novels_novel SET synopsis = ''")),
        ("atomic-data", migrations.RunPython(migrations.RunPython.noop)),
    ],
)
def test_a_migration_that_breaks_the_rule_is_refused(rule: str, operation: Any) -> None:
    assert rule in lint_operations(operation)


@pytest.mark.parametrize(
    ("operation", "atomic"),
    [
        (migrations.AddField(*MOOD, models.TextField(null=True)), True),
        (migrations.AddField(*MOOD, models.TextField(db_default="")), True),
        (sql(f"{COMIC_FK} NOT VALID"), True),
        (sql("ALTER TABLE comics_comic VALIDATE CONSTRAINT scratch_fk"), False),
        (postgres.AddConstraintNotValid("novel", check()), True),
        (postgres.AddIndexConcurrently("novel", index()), False),
        (postgres.RemoveIndexConcurrently("novel", "novels_novel_newest_idx"), False),
        (sql("CREATE UNIQUE INDEX CONCURRENTLY scratch_uq ON novels_novel (title)"), False),
        (sql("UPDATE novels_novel SET synopsis = '' WHERE id < 1000"), False),
        (migrations.RunPython(migrations.RunPython.noop), False),
        (sql("-- squawk-ignore ban-drop-view\nDROP VIEW users_publicuser"), True),
    ],
)
def test_the_usual_ways_are_let_through(operation: Any, atomic: bool) -> None:
    assert lint_operations(operation, atomic=atomic) == set()


def test_a_contraction_may_drop_but_not_rename_or_block() -> None:
    contract = "No release since the last one reads the column."

    assert lint_operations(migrations.RemoveField("novel", "synopsis"), contract=contract) == set()
    assert lint_operations(
        migrations.RenameField("novel", "synopsis", "summary"), contract=contract
    ) == {"renaming-column"}
    assert lint_operations(migrations.AddIndex("novel", index()), contract=contract) == {
        "require-concurrent-index-creation"
    }


def test_without_a_transaction_the_schema_changes_by_one_statement_that_does_not_block() -> None:
    column = migrations.AddField(*MOOD, models.TextField(null=True))
    drop = postgres.RemoveIndexConcurrently("novel", "novels_novel_newest_idx")
    add = postgres.AddIndexConcurrently("novel", index())

    assert lint_operations(column, atomic=False) == {"non-atomic-schema"}
    assert lint_operations(drop, add, atomic=False) == {"non-atomic-schema"}


def test_a_constraint_is_validated_after_the_commit_that_adds_it() -> None:
    steps = (
        sql(f"{COMIC_FK} NOT VALID"),
        sql("ALTER TABLE comics_comic VALIDATE CONSTRAINT scratch_fk"),
    )

    assert lint_operations(*steps) == {"constraint-missing-not-valid"}


def test_sql_that_depends_on_a_database_is_refused_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise OperationalError

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    # Its CHECK has a name that only the database knows.
    wider = migrations.AlterField("novel", "word_count", models.BigIntegerField())

    assert lint_operations(wider) == {"unknown-sql"}
