"""Sends the mix to servers with or without a cache, and reads the cost of their SELECTs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import psycopg
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from psycopg.conninfo import make_conninfo

from morpheus.embedded.roles import APP
from perf.lab.example_requests import HttpRequest
from perf.lab.harness.databases import copied_database
from perf.lab.harness.http_client import BadResponse, Connection
from perf.lab.harness.servers import Servers, measured_environment
from perf.lab.offload.mix import Rows, draw_requests, load_rows
from perf.monitoring.sql_text import normalize_statement
from users.authentication import token_digest, token_secret

SERVERS = 2
# Half as many connections as two servers have threads.
CLIENTS = 16

_CREATE_TOKENS = """
INSERT INTO users_token (digest, user_id, created_at, expires_at)
SELECT digest, user_id, now(), now() + interval '1 day'
FROM unnest(%s::bytea[], %s::bigint[]) AS made (digest, user_id)
"""
_RESET = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = %s"
_STATEMENTS = """
SELECT
    s.query,
    s.total_exec_time + s.total_plan_time,
    s.shared_blks_hit + s.shared_blks_read,
    s.calls
FROM pg_stat_statements s
JOIN pg_database d ON d.oid = s.dbid
JOIN pg_roles r ON r.oid = s.userid
WHERE d.datname = %s AND r.rolname = %s
"""


@dataclass
class Cost:
    """What the SELECTs of the serving role took, and what became of the requests.

    Attributes:
        ms: Planning and execution.
        buffers: Hit and read; a busy machine does not change them.
        retries: Requests that were sent again because the server refused them.
    """

    ms: float = 0.0
    buffers: int = 0
    statements: int = 0
    seconds: float = 0.0
    retries: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class MixRun:
    """Running servers on a copy of the database, and what requests of the mix are made of.

    Attributes:
        database: A connection of the administrator to the copy.
        name: Of the copy.
    """

    servers: Servers
    database: psycopg.Connection
    name: str
    has_cache: bool
    rows: Rows
    tokens: Mapping[int, str]

    def draw(self, *, seed: int, count: int) -> list[HttpRequest]:
        return [*draw_requests(self.rows, self.tokens, seed=seed, count=count)]

    def warm_up(self, *, seed: int, count: int) -> None:
        """Send requests; without a cache only writes, because reads leave nothing behind."""
        requests = self.draw(seed=seed, count=count)
        send(self.servers.ports, [r for r in requests if self.has_cache or r.method != "GET"])


@contextmanager
def run_mix(
    admin_url: str, *, has_cache: bool, seed: int, servers: int = SERVERS
) -> Iterator[MixRun]:
    """Start servers on a fresh copy of the database, with empty caches, for the block."""
    source = str(connection.settings_dict["NAME"])
    copy = f"{source}_offload"
    for alias in settings.CACHES:
        caches[alias].clear()
    with (
        copied_database(admin_url, source=source, name=copy) as url,
        psycopg.connect(make_conninfo(admin_url, dbname=copy), autocommit=True) as database,
        Servers(servers, environment=measured_environment(url, has_cache=has_cache)) as running,
    ):
        rows = load_rows(make_conninfo(admin_url, dbname=copy), seed=seed)
        tokens = {user_id: token_secret() for (user_id,) in rows["members"]}
        digests = [token_digest(secret) for secret in tokens.values()]
        database.execute(_CREATE_TOKENS, [digests, [*tokens]])
        yield MixRun(running, database, copy, has_cache, rows, tokens)


def measure(admin_url: str, *, has_cache: bool, seed: int, requests: int, warm_up: int = 0) -> Cost:
    """Send the mix to servers on a fresh copy of the database, with empty caches.

    Args:
        admin_url: The database server, for a role that may create databases.
        warm_up: Other requests of the same mix before the measurement.
    """
    with run_mix(admin_url, has_cache=has_cache, seed=seed) as run:
        run.warm_up(seed=seed + 1, count=warm_up)
        # Neither the start of the servers nor the warm-up counts.
        run.database.execute(_RESET, [run.name])
        cost = send(run.servers.ports, run.draw(seed=seed, count=requests))
        for sql, ms, buffers, calls in run.database.execute(_STATEMENTS, [run.name, APP]):
            if is_read(sql):
                cost.ms += ms
                cost.buffers += buffers
                cost.statements += calls
    return cost


def is_read(sql: str) -> bool:
    """Tell whether a statement is read work. A SELECT that locks rows is part of a write."""
    statement = normalize_statement(sql)
    return statement.is_read and not statement.locks_rows


def send(ports: Sequence[int], requests: Sequence[HttpRequest]) -> Cost:
    """Send each request once, over connections that take the servers in turn."""
    cost = Cost()

    def run_client(client: int) -> int:
        with closing(Connection(ports[client % len(ports)])) as opened:
            for request in requests[client::CLIENTS]:
                try:
                    response = opened.exchange_with_retries(request)
                    if response.status not in (200, 201):
                        raise BadResponse(f"{response.status} {response.content[:200]!r}")
                except (BadResponse, OSError) as error:
                    cost.failures.append(f"{request.method} {request.path}: {error}")
            return opened.retries

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        cost.retries = sum(threads.map(run_client, range(CLIENTS)))
    cost.seconds = time.perf_counter() - began
    return cost
