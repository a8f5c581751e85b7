"""Starts the contestants: each one server process, all on the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from redis import Redis

from morpheus.embedded.addresses import Addresses
from morpheus.embedded.roles import APP, LOADER
from perf.lab.example_requests import bearer
from perf.lab.example_rows import first_rows
from perf.lab.harness.servers import THREADS, Servers, measured_environment
from users.models import User
from users.services.tokens import token_create, token_revoke

from .contestants import OURS_LOGGED_IN, OURS_WARM, Contestant, list_contestants
from .installation import HERE, install_bolt, install_fastify

STACKS = "perf.lab.peers.stacks.wsgi:application"
# The peers' logical database, after those of Morpheus.
REDIS_DATABASE = 9
# The path that tells whether a peer is ready.
PROBE = "/api/v1/novels/"


@dataclass(frozen=True)
class Runner:
    """A contestant's server, and the headers of the requests to it."""

    server: Servers
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def running_contestants(
    peers: Sequence[str], *, threads: int = THREADS
) -> Iterator[dict[Contestant, Runner]]:
    """Start Morpheus and these peers; yield each.

    Args:
        threads: Of each server of Morpheus.

    Raises:
        ServerFailed: One of them does not start.
    """
    contestants = list_contestants(peers)
    _empty_cache()
    with ExitStack() as stack:
        runners = {
            each: Runner(stack.enter_context(_make_server(each, threads)))
            for each in contestants
            if not each.is_logged_in
        }
        headers = stack.enter_context(_credentials())
        runners[OURS_LOGGED_IN] = Runner(runners[OURS_WARM].server, headers)
        yield {each: runners[each] for each in contestants}


def _empty_cache() -> None:
    """Drop what peers cached in an earlier run, perhaps from other rows."""
    socket = str(Addresses.under(settings.MORPHEUS_VAR).redis_socket)
    with Redis(unix_socket_path=socket, db=REDIS_DATABASE) as client:
        client.flushdb()


@contextmanager
def _credentials() -> Iterator[dict[str, str]]:
    """Yield the headers of a seeded user, whose token is revoked after the block."""
    secret, token = token_create(user=User(pk=first_rows().owner_id))
    try:
        yield bearer(secret)
    finally:
        token_revoke(token_id=token.pk)


def _make_server(contestant: Contestant, threads: int) -> Servers:
    log = _log(contestant)
    if contestant.kind == "ours":
        environment = measured_environment(_database_url(APP), has_cache=contestant.has_cache)
        # All share a core (perf.lab.harness.measurements), of which each has the whole in its turn.
        # The log is the one of production, not that of `make`.
        environment |= {
            "MORPHEUS_PIN": "off",
            "MORPHEUS_LOG_FORMAT": "JSON",
            "MORPHEUS_THREADS": str(threads),
        }
        return Servers(1, environment=environment, threads=threads, log=log)
    if contestant.kind == "drf":
        environment = _django_environment(contestant)
        return Servers(1, environment=environment, application=STACKS, probe=PROBE, log=log)
    if contestant.kind == "bolt":
        environment = _django_environment(contestant) | {"PYTHONPATH": "."}
        arguments = [str(install_bolt()), "-m", "django", "runbolt", "--host=127.0.0.1", "--port"]
    else:
        environment = _fastify_environment(contestant)
        arguments = ["node", str(HERE / "fastify" / "server.js")]

    def command(port: int) -> list[str]:
        return [*arguments, str(port)]

    return Servers(1, environment=environment, command=command, probe=PROBE, log=log)


def _django_environment(contestant: Contestant) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": contestant.settings,
        "BENCH_PEER": contestant.name,
        # Row level security does not restrict the loader.
        "BENCH_DATABASE_URL": _database_url(LOADER),
        "BENCH_REDIS_URL": Addresses.under(settings.MORPHEUS_VAR).redis_url(REDIS_DATABASE),
    }


def _fastify_environment(contestant: Contestant) -> dict[str, str]:
    addresses = Addresses.under(settings.MORPHEUS_VAR)
    return {
        "NODE_ENV": "production",
        "NODE_PATH": str(install_fastify()),
        "FULL": str(int(contestant.has_extras)),
        "CACHE": str(int(contestant.has_cache)),
        "PGHOST": str(addresses.socket_dir),
        "PGPORT": str(addresses.postgres_port),
        "PGDATABASE": settings.DATABASES["default"]["NAME"],
        # With row level security, as Morpheus: it is PostgreSQL that limits the fastest peers.
        "PGUSER": APP,
        "REDIS_SOCKET": str(addresses.redis_socket),
        "REDIS_DATABASE": str(REDIS_DATABASE),
    }


def _database_url(role: str) -> str:
    """Return the URL of the database that all contestants share."""
    name = settings.DATABASES["default"]["NAME"]
    return Addresses.under(settings.MORPHEUS_VAR).database_url(role, name)


def _log(contestant: Contestant) -> Path:
    folder = Path(settings.MORPHEUS_VAR) / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{contestant.name}.log"
