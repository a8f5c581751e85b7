from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.files.storage import storages
from django.core.management import CommandError

from morpheus.db.transactions import write_transaction
from novels.models import Novel, ProcessingStatus
from novels.search.query import Search
from perf.seeding import seeder
from perf.seeding.database import SEEDED
from perf.seeding.words import get_rare_name
from tests.conftest import as_staff
from users.models import User, belonging_to

COUNTS = {
    "users_user": 12,
    "comics_image": 6,
    "novels_novel": 100,
    "novels_processingstatus": 100,
    "novels_chapter": 300,
    "novels_chaptertext": 300,
    "novels_searchdocument": 400,
    "comics_comic": 40,
    "comics_panel": 200,
    "reading_progress": 706,
}


def counts(rows: Any) -> Any:
    return {table: rows(f"SELECT count(*) FROM {table}")[0][0] for table in SEEDED}


def test_the_same_seed_gives_the_same_rows_twice_and_another_seed_others(
    seed: Any, digests: Any
) -> None:
    seed()
    first = digests()

    seed("--reset")
    again = digests()
    seed("--reset", seed=43)
    other = digests()

    assert again == first
    assert None not in first.values()
    assert [table for table in SEEDED if other[table] == first[table]] == []


def test_counts_are_exact_and_structure_is_what_it_was(
    seed: Any, rows: Any, structure: Any
) -> None:
    before = structure()

    seed()

    assert counts(rows) == COUNTS
    assert structure() == before


def test_a_database_with_rows_is_refused_and_stays_as_it_is(seed: Any, digests: Any) -> None:
    seed()
    before = digests()

    with pytest.raises(CommandError, match="--reset deletes"):
        seed(seed=43)

    assert digests() == before


def test_a_database_with_nothing_but_a_user_is_refused_too(
    seed: Any, make_user: Any, rows: Any
) -> None:
    make_user("ann")

    with pytest.raises(CommandError, match="not empty"):
        seed()

    assert counts(rows)["users_user"] == 1


def test_if_empty_seeds_an_empty_database_and_leaves_another_alone(seed: Any, digests: Any) -> None:
    seed("--if-empty")
    before = digests()

    seed("--if-empty", seed=43)

    assert None not in before.values()
    assert digests() == before


def test_reset_keeps_operators_and_no_other_user(seed: Any, digests: Any, make_user: Any) -> None:
    seed()
    first = digests()
    operator = make_user("operator", is_superuser=True, is_staff=True)
    make_user("ann", is_staff=True)

    seed("--reset")

    with as_staff():
        kept = User.objects.exclude(email__startswith="reader")
        assert list(kept) == [operator]
    # Ids that the operator leaves free are the same as without one.
    assert digests() | {"users_user": ""} == first | {"users_user": ""}


def test_reset_forgets_jobs_and_admin_history_of_deleted_users(
    seed: Any, rows: Any, make_user: Any
) -> None:
    staff = make_user("ann", is_staff=True)
    with as_staff():
        staff.groups.add(Group.objects.create(name="editors"))
    LogEntry.objects.create(user=staff, action_flag=1, object_repr="a novel")

    seed("--reset")

    assert not LogEntry.objects.exists()
    assert counts(rows)["users_user"] == 12


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["_load", "_build_search", "_rebuild"])
def test_a_failure_in_the_middle_leaves_everything_as_it_was(
    seed: Any, digests: Any, structure: Any, monkeypatch: pytest.MonkeyPatch, step: Any, error: Any
) -> None:
    seed()
    before = digests(), structure()

    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr(seeder._Seeder, step, fail)
    with pytest.raises(SystemExit if error is KeyboardInterrupt else error):
        seed("--reset", seed=43)

    assert (digests(), structure()) == before


def test_rows_can_be_added_by_the_orm_afterwards(seed: Any) -> None:
    seed()

    user = User.objects.create_user("ann@example.org", None, display_name="Ann")
    with write_transaction(as_user=user.pk):
        novel = Novel.objects.create(title="New", owner=user)
        ProcessingStatus.objects.create(novel=novel, **belonging_to(novel))

    assert user.pk > 12
    assert novel.pk == 101


def test_derived_numbers_are_right(seed: Any, rows: Any) -> None:
    seed()

    assert not rows(
        "SELECT FROM novels_chapter c JOIN novels_chaptertext t ON t.chapter_id = c.id "
        "WHERE c.word_count <> cardinality(regexp_split_to_array(trim(t.content), '\\s+'))"
    )
    assert not rows(
        "SELECT FROM novels_novel n WHERE (chapter_count, word_count) <> "
        "(SELECT count(*), coalesce(sum(word_count), 0) FROM novels_chapter WHERE novel_id = n.id)"
    )
    assert not rows(
        "SELECT FROM comics_comic c JOIN LATERAL ("
        "SELECT count(*) AS panels, min(image_id) FILTER (WHERE number = 1) AS first "
        "FROM comics_panel WHERE comic_id = c.id"
        ") p ON true WHERE (panel_count, cover_id) IS DISTINCT FROM (p.panels, p.first)"
    )


def test_every_image_has_its_file(seed: Any, rows: Any) -> None:
    seed()

    for digest, size_bytes in rows("SELECT digest, size_bytes FROM comics_image"):
        names = storages["images"].listdir(digest[:2])[1]
        # Smaller copies that a client requested may lie beside it: `<digest>.small.webp`.
        (name,) = [name for name in names if name.startswith(digest) and name.count(".") == 1]
        assert storages["images"].size(f"{digest[:2]}/{name}") == size_bytes


def test_there_is_everything_that_lists_must_cope_with(seed: Any, rows: Any) -> None:
    seed()

    assert {row[0] for row in rows("SELECT state FROM novels_processingstatus")} == {
        "pending",
        "processing",
        "completed",
        "failed",
    }
    assert rows("SELECT bool_or(is_public), bool_and(is_public) FROM novels_novel") == [
        (True, False)
    ]
    distinct = rows("SELECT count(DISTINCT created_at) FROM novels_novel")[0][0]
    assert 50 < distinct < 100
    most = rows("SELECT count(*) FROM novels_novel GROUP BY owner_id ORDER BY 1 DESC")
    assert most[0][0] > 2 * most[-1][0]


def test_seeded_users_cannot_log_in_unless_a_password_is_given(seed: Any) -> None:
    seed()
    with as_staff():
        locked = User.objects.get(email="reader000001@example.org")

    seed("--reset", password="correct horse")

    with as_staff():
        opened = User.objects.get(email="reader000001@example.org")
    assert not locked.has_usable_password()
    assert opened.check_password("correct horse")


def test_anonymous_readers_see_public_novels_only(seed: Any, rows: Any) -> None:
    seed()

    public = rows("SELECT count(*) FROM novels_novel WHERE is_public")[0][0]

    assert settings.DATABASES["default"]["USER"] == "morpheus_app"
    assert Novel.objects.count() == public < 100


def test_search_finds_frequent_and_rare_words_of_public_novels(seed: Any, rows: Any) -> None:
    seed()
    public = {row[0] for row in rows("SELECT id FROM novels_novel WHERE is_public")}
    (first,) = rows(
        "SELECT c.id, c.novel_id FROM novels_chapter c JOIN novels_novel n ON n.id = c.novel_id "
        "WHERE n.is_public ORDER BY c.id LIMIT 1"
    )

    frequent = Search(words="man").match().rank()
    whale = Search(words="whale").match().rank()
    rare = Search(words=get_rare_name(first[0])).match().rank()

    assert len(frequent) > 50
    assert whale
    assert {hit.novel_id for hit in frequent} <= public
    assert [hit.novel_id for hit in rare] == [first[1]]


def test_values_cached_of_other_rows_are_stale_afterwards(seed: Any, rows: Any) -> None:
    seed()
    assert ("all",) in rows("DELETE FROM cache_outbox RETURNING tag")

    seed("--reset")

    assert ("all",) in rows("DELETE FROM cache_outbox RETURNING tag")
