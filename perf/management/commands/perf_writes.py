"""Print what writes cost a server with a warm cache."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import closing
from typing import Any

from django.core.management.base import BaseCommand

from perf.lab.example_catalogue import example
from perf.lab.example_requests import Conversation, ExampleRequest
from perf.lab.harness.http_client import BadResponse, Connection, Response
from perf.lab.harness.measurements import cpu_seconds
from perf.lab.harness.tables import Table
from perf.lab.suite.callers import create_callers
from perf.lab.suite.run import serve

WARM_UP = 20
TABLE = Table(["write", "statements", "CPU µs"], first_width=34)


class Command(BaseCommand):
    help = (
        "Send writes to a server of its own, count their statements and measure the CPU time of "
        "the server. Empties the cache server; what it writes is deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=500, help="requests of each kind")

    def handle(self, *, rounds: int, **options: Any) -> None:
        with (
            create_callers() as callers,
            serve(has_cache=True) as server,
            closing(Connection(server.ports[0])) as connection,
        ):
            talk = callers.start_writes("writes")
            novel = example("POST /novels/")
            talk.keep_id(novel, _send(connection, talk, novel).content)
            [pid] = server.pids
            comics: list[int] = []

            def change_novel(number: int) -> Response:
                sent = example("PATCH /novels/{novel_id}/")
                return _send(connection, talk, sent, body={"title": f"Novel {number}"})

            def add_comic(number: int) -> Response:
                response = _send(connection, talk, example("POST /comics/"))
                comics.append(response.json["id"])
                return response

            def add_panel(number: int) -> Response:
                # A panel's number is found from those of all panels of its comic.
                talk.values["comic_id"] = comics[number]
                sent = example("POST /comics/{comic_id}/panels/")
                return _send(connection, talk, sent, body={"caption": f"Panel {number}"})

            self.stdout.write(TABLE.heading)
            for title, write in (
                ("PATCH /novels/{novel_id}/", change_novel),
                ("POST /comics/", add_comic),
                ("POST /comics/{comic_id}/panels/", add_panel),
            ):
                statements, cpu_us = _measure(pid, write, rounds)
                self.stdout.write(TABLE.row(title, statements, f"{cpu_us:,.0f}"))


def _measure(pid: int, write: Callable[[int], Response], rounds: int) -> tuple[str, float]:
    """Return the number of statements of a write, and the server's CPU time for it."""
    for number in range(WARM_UP):
        write(number)
    before_s = cpu_seconds(pid)
    for number in range(WARM_UP, WARM_UP + rounds):
        response = write(number)
    cpu_us = (cpu_seconds(pid) - before_s) / rounds * 1_000_000
    return re.findall(r'"(\d+) quer', response.header("server-timing"))[0], cpu_us


def _send(
    connection: Connection, talk: Conversation, sent: ExampleRequest, **options: Any
) -> Response:
    response = connection.exchange(talk.build(sent, **options))
    if not 200 <= response.status < 300:
        raise BadResponse(f"{sent.route}: {response.status} {response.content[:300]!r}")
    return response
