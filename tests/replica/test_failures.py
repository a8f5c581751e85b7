"""A replica that stops, comes back, is promoted or is the wrong one: responses stay right."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.serving import Client, Response, Server, wait_until

from .conftest import PASSWORD, reading_replica
from .pair import Pair


class Reading:
    """Clients that read one path as long as the block lasts."""

    def __init__(self, path: str, *clients: Client) -> None:
        self.responses: list[Response] = []
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(client, path)) for client in clients
        ]

    def _read(self, client: Client, path: str) -> None:
        while not self._end.is_set():
            self.responses.append(client.get(path))

    def __enter__(self) -> Reading:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()


def test_readers_do_not_notice_that_the_replica_stops_and_comes_back(
    pair: Pair, server: Server, writer: Client, other: Client
) -> None:
    expected = server.get("/comics/").body

    with Reading("/comics/", server, server, writer, other) as reading:
        wait_until(lambda: len(reading.responses) > 20)
        pair.stop_replica()
        count = len(reading.responses)
        wait_until(lambda: len(reading.responses) > count + 20)
        pair.start_replica()
        wait_until(lambda: reading.responses[-1].is_from_replica)

    assert {response.status for response in reading.responses} == {200}
    assert {response.body for response in reading.responses} == {expected}


def test_a_stopped_replica_is_replaced_by_the_primary(
    pair: Pair, server: Server, writer: Client
) -> None:
    pair.stop_replica()

    try:
        made = writer.send("POST", "/comics/", {"title": "Alone", "visibility": "public"})
        responses = [client.get(f"/comics/{made.json['id']}/") for client in (server, writer)]
        assert [response.status for response in responses] == [200, 200]
        assert not any(response.is_from_replica for response in responses)
    finally:
        pair.start_replica()
    server.until_replica_is_used()


def test_readers_get_responses_from_the_primary_while_the_replica_stalls(
    pair: Pair, server: Server, writer: Client, other: Client
) -> None:
    with Reading("/comics/", server, server, writer, other) as reading:
        wait_until(lambda: len(reading.responses) > 20)
        go_on = pair.freeze_replica()
        count = len(reading.responses)
        try:
            wait_until(lambda: len(reading.responses) > count + 100)
        finally:
            go_on()
        wait_until(lambda: reading.responses[-1].is_from_replica)

    assert {response.status for response in reading.responses} == {200}


def test_connections_that_the_replica_ends_fail_no_request(
    pair: Pair, server: Server, writer: Client, other: Client
) -> None:
    ended = 0

    with Reading("/users/me/", writer, other) as mine, Reading("/novels/", server) as public:
        for _ in range(5):
            rows = pair.on_replica(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = 'morpheus_app'"
            )
            ended += len(rows)
            server.until_replica_is_used()

    assert ended
    assert {response.status for response in mine.responses + public.responses} == {200}


def replaying_ends_a_query(pair: Pair, server: Server) -> bool:
    """Have a lock replayed that no reader of the table may hold up; tell whether one did."""
    pair.on_primary("BEGIN; LOCK TABLE novels_novel IN ACCESS EXCLUSIVE MODE; COMMIT")
    server.until_replica_is_used()
    ended = pair.on_replica("SELECT sum(confl_lock) FROM pg_stat_database_conflicts")
    return bool(ended[0][0])


def test_a_query_that_the_replay_cancels_runs_on_the_primary(pair: Pair, server: Server) -> None:
    pair.on_replica("ALTER SYSTEM SET max_standby_streaming_delay = 0")
    pair.on_replica("SELECT pg_reload_conf()")

    try:
        with Reading("/search/?q=the", server, server, server) as reading:
            wait_until(lambda: replaying_ends_a_query(pair, server))
    finally:
        pair.on_replica("ALTER SYSTEM RESET max_standby_streaming_delay")
        pair.on_replica("SELECT pg_reload_conf()")

    assert {response.status for response in reading.responses} == {200}
    assert len({response.body for response in reading.responses}) == 1


def test_a_promoted_replica_is_not_read_and_one_made_anew_is(pair: Pair, server: Server) -> None:
    pair.on_replica("SELECT pg_promote()")
    pair.on_replica("UPDATE novels_novel SET title = 'Not ours'")

    try:
        responses = [server.get("/novels/") for _ in range(10)]
        assert {response.status for response in responses} == {200}
        assert not any(response.is_from_replica for response in responses)
        assert not any(b"Not ours" in response.body for response in responses)
    finally:
        pair.stop_replica()
        pair.make_replica()
    server.until_replica_is_used()


def test_a_login_that_row_level_security_does_not_bind_is_not_used(
    pair: Pair, tmp_path: Path
) -> None:
    server = reading_replica(pair, pair.replica_url("morpheus_loader"), tmp_path / "server.log")
    try:
        wait_until(lambda: "the same login" in server.log.read_text())
        [(email,)] = pair.on_primary("SELECT email FROM users_user ORDER BY id LIMIT 1")
        responses = [server.get("/comics/"), server.login(email, PASSWORD).get("/users/me/")]
    finally:
        server.stop()

    assert {response.status for response in responses} == {200}
    assert not any(response.is_from_replica for response in responses)
