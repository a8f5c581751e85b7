"""A thousand open streams: what they hold is counted."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from django.db import connection

from tests.event_streams import EventServer

pytestmark = pytest.mark.django_db(transaction=True)

STREAMS = 1000
# At a time, as many as a busy machine accepts without a time limit of its own.
AT_ONCE = 50
# One that listens, four threads, and one that writes slow queries.
CONNECTIONS = 6
MOST_KB = 64
# Those of pools start when they are first needed.
SPARE_THREADS = 10

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def open_stream(port: int, novel_id: int, turn: asyncio.Semaphore) -> Pair:
    """Open a stream, and read it to its first event."""
    async with turn:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = f"GET /api/v1/novels/{novel_id}/events/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(request.encode())
        await reader.readuntil(b"event: status")
        return reader, writer


def server_process(server: EventServer) -> psutil.Process:
    # Python 3.14 starts a small helper beside it.
    children = psutil.Process(server.pid).children()
    return max(children, key=lambda child: child.memory_info().rss)


def count_connections(psql: psycopg.Connection) -> int:
    row = psql.execute(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND usename = 'morpheus_app'"
    ).fetchone()
    return int(row[0]) if row else 0


async def watch(server: EventServer, ids: list[int], psql: psycopg.Connection) -> None:
    process, turn = server_process(server), asyncio.Semaphore(AT_ONCE)
    # All modules are loaded, and most threads run.
    warm = [await open_stream(server.port, ids[0], turn) for _ in range(20)]
    threads, before = process.num_threads(), process.memory_info().rss

    jobs = [open_stream(server.port, ids[n % len(ids)], turn) for n in range(STREAMS)]
    streams = await asyncio.gather(*jobs)
    try:
        assert process.num_threads() < threads + SPARE_THREADS
        assert count_connections(psql) <= CONNECTIONS
        assert (process.memory_info().rss - before) / 1024 < MOST_KB * STREAMS

        psql.execute("UPDATE novels_processingstatus SET progress = 7")
        await asyncio.gather(*(reader.readuntil(b'"progress":7') for reader, _ in streams))
        assert process.num_threads() < threads + SPARE_THREADS
        assert count_connections(psql) <= CONNECTIONS
    finally:
        for _, writer in [*warm, *streams]:
            writer.close()


def test_a_thousand_streams_hold_neither_connections_nor_threads(
    make_novels: Any, psql: psycopg.Connection, tmp_path: Path
) -> None:
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    ids = [novel.pk for novel in make_novels(10)]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    server = EventServer(
        tmp_path / "log", MORPHEUS_EVENT_STREAMS_PER_ADDRESS="2000", MORPHEUS_LOG_REQUESTS="off"
    )
    try:
        asyncio.run(watch(server, ids, psql))
    finally:
        server.stop()
