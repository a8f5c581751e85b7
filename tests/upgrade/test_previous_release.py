"""An upgrade: the previous release and this one serve from one database, Redis and files.

In the order of the steps of docs/upgrading.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from morpheus.embedded.clean import clean
from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import REPOSITORY, Client, wait_until

from .releases import Release, Running, Work, extract_previous_release, list_misreads, upload_novel

PASSWORD = "correct horse battery staple"
SIZES = {"novels": 20, "chapters-per-novel": 3, "words-per-chapter": 60}
SIZES |= {"comics": 20, "panels": 60, "users": 3}

# A public comic of a public novel of the same owner.
VALUES = """
SELECT c.id, c.novel_id, u.email, g.slug, l.code FROM comics_comic c
JOIN novels_novel n ON n.id = c.novel_id AND n.owner_id = c.owner_id
JOIN users_user u ON u.id = c.owner_id
JOIN novels_genre g ON g.id = n.genre_id JOIN novels_language l ON l.id = n.language_id
WHERE c.is_public AND n.is_public AND c.panel_count > 0 ORDER BY c.id LIMIT 1
"""


@dataclass
class Upgrade:
    """The previous release with server and worker, and the server of this one.

    Attributes:
        values: For the names in example requests.
        failures: Of the previous release while this one migrated.
    """

    previous: Client
    present: Client
    release: Release
    log: Path
    values: dict[str, Any]
    end_previous: ExitStack
    failures: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    folder = tmp_path_factory.mktemp("upgrade")
    var = folder / "var"
    tree = extract_previous_release(folder / "previous")
    old, new = Release(tree, var), Release(REPOSITORY, var)
    with EmbeddedServices(var, durable=False) as services, ExitStack() as end:
        old.manage("migrate", "--verbosity=0")
        sizes = (f"--{name}={size}" for name, size in SIZES.items())
        old.manage("seed", "--quiet", f"--password={PASSWORD}", *sizes)
        url = services.addresses.database_url("postgres")
        with psycopg.connect(url) as admin:
            comic, novel, email, genre, language = admin.execute(VALUES).fetchone() or ()
        values = {"comic_id": comic, "novel_id": novel, "genre": genre, "language": language}
        end_previous = end.enter_context(ExitStack())
        run = ("manage.py", "run", "--no-seed", "--port=PORT")
        previous = end_previous.enter_context(old.running(*run))
        present = end.enter_context(new.running("manage.py", "serve", "--port=PORT", ready=503))
        member = previous.login(email, PASSWORD)
        yield Upgrade(
            previous=member,
            # This release cannot log in before the columns of its users are there.
            present=Client(present.port, member.token),
            release=new,
            log=present.log,
            values=values | {"number": 1},
            end_previous=end_previous,
        )
    clean(var)


def is_ready(client: Client) -> bool:
    return Running(client.port, Path()).check_ready() == 200


def wait_until_parsed(status: str, *clients: Client) -> None:
    wait_until(lambda: {each.get(status).json["state"] for each in clients} == {"completed"})


def test_before_migrate_this_release_is_not_ready_and_says_why(upgrade: Upgrade) -> None:
    assert not is_ready(upgrade.present)
    assert "migrations are not applied. Run `manage.py migrate`." in upgrade.log.read_text()
    assert is_ready(upgrade.previous)


def test_the_previous_release_serves_without_an_error_while_this_one_migrates(
    upgrade: Upgrade,
) -> None:
    with Work(upgrade.previous) as work:
        wait_until(lambda: work.served > 20)
        upgrade.release.manage("migrate", "--verbosity=0")
        wait_until(lambda: is_ready(upgrade.present))
        served = work.served
        with Work(upgrade.present) as other:
            wait_until(lambda: min(work.served - served, other.served) > 50)

    assert work.failures + other.failures == []
    assert is_ready(upgrade.previous)


def test_the_worker_of_the_previous_release_parses_uploads_of_both(upgrade: Upgrade) -> None:
    clients = [upgrade.previous, upgrade.present]
    for status in [upload_novel(client) for client in clients]:
        wait_until_parsed(status, *clients)


def test_a_write_by_one_release_is_seen_by_the_other(upgrade: Upgrade) -> None:
    path = f"/comics/{upgrade.values['comic_id']}/"
    clients = [upgrade.previous, upgrade.present]
    for number, (writer, reader) in enumerate([clients, clients[::-1]] * 5):
        assert reader.get(path).status == 200  # It fills the cache.
        title = f"Title {number}"
        assert writer.send("PATCH", path, {"title": title}).status == 200
        assert reader.get(path).json["title"] == title


def test_neither_release_misreads_values_that_the_other_cached(upgrade: Upgrade) -> None:
    var = upgrade.release.var
    old, new = upgrade.previous, upgrade.present

    assert list_misreads(upgrade.values, var, writer=old, reader=new) == []
    assert list_misreads(upgrade.values, var, writer=new, reader=old) == []


def test_another_format_under_the_same_version_would_be_noticed(upgrade: Upgrade) -> None:
    application = "tests.upgrade.changed_format_wsgi:application"
    address = ("--host=127.0.0.1", "--port=PORT", "--workers=1", "--threads=4")
    with upgrade.release.running("-m", "morpheus.serving", application, *address) as server:
        writer = Client(server.port)
        writer.headers = upgrade.present.headers
        misreads = list_misreads(
            upgrade.values, upgrade.release.var, writer=writer, reader=upgrade.present
        )

    assert "GET /novels/{novel_id}/" in misreads


def test_after_the_previous_release_this_one_serves_and_parses(upgrade: Upgrade) -> None:
    with Work(upgrade.present) as work:
        upgrade.end_previous.close()
        with upgrade.release.running("manage.py", "worker", ready=None):
            status = upload_novel(upgrade.present)
            wait_until_parsed(status, upgrade.present)

    assert work.failures == []
