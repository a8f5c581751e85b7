"""The record of one request: what it did, and no value that anybody sent or stored."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from typing import Any

import orjson

from morpheus.cache.dependencies import DEPENDENCIES
from morpheus.tracing import FinishedRequest, Lookup, RequestTrace
from perf.monitoring.queries.waste import waste_of
from perf.monitoring.queries.watching import shape
from perf.monitoring.request_traces.plans import plans_of
from perf.monitoring.request_traces.verdict import Seen, statement_budget_ms, verdict_of

# Of more statements and lookups, their number alone.
MAX_STATEMENTS = 100
MAX_LOOKUPS = 100
# Of a lookup that asks for more values, or of values with more tags, the first ones.
MAX_NAMES = 100
# A statement's text; what makes it long are columns.
MAX_SQL_CHARS = 4000
MAX_RECORD_BYTES = 256 * 1024

# What tells values apart may come from a client, or be the digest of a secret; shown are numbers,
# and the digests of places in lists.
_HARMLESS = re.compile(r"[\d:]+|[0-9a-f]{32}")
_SECRET = re.compile(r"[0-9a-f]{40,}")

Record = dict[str, Any]


def record_of(answer: FinishedRequest, *, at: datetime, is_asked: bool) -> Record:
    """Return the record of a request; takes plans, so it costs the database a few ms."""
    trace = answer.trace or RequestTrace()
    shapes = [shape(statement) for statement in trace.statements]
    seen = [Seen(*each) for each in zip(trace.statements, shapes, strict=True)]
    waste = waste_of(trace.statements, shapes)
    verdict = verdict_of(answer, seen, waste)
    method, _, path = answer.route.partition(" ")
    # What the admin does, it does as staff; `morpheus.admin.site`.
    is_staff = path.startswith("/admin/")
    plans = plans_of(seen[:MAX_STATEMENTS], answer.user_id, is_staff=is_staff)
    return {
        # Ours, because whoever sends a request may choose its X-Request-ID.
        "id": secrets.token_hex(16),
        "request_id": answer.request_id,
        "at": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "is_asked": is_asked,
        "method": method,
        "route": answer.route,
        "status": answer.status,
        "ms": _ms(answer.seconds),
        "user_id": answer.user_id,
        # A kept answer left as it was: Django, the database and all below were not asked.
        "is_kept_answer": answer.trace is None,
        "queries": trace.queries,
        "database_ms": _ms(trace.seconds),
        "replica_queries": trace.replica_queries,
        "verdict": verdict,
        "waste": [
            {
                "kind": each.kind,
                "fingerprint": each.shape.fingerprint,
                "times": each.times,
                "sql": each.shape.text[:MAX_SQL_CHARS],
            }
            for each in waste
        ],
        "statements": [_statement(each, plans) for each in seen[:MAX_STATEMENTS]],
        "statements_left_out": max(len(seen) - MAX_STATEMENTS, 0),
        "cache": [_lookup(each) for each in trace.lookups[:MAX_LOOKUPS]],
        "cache_left_out": max(len(trace.lookups) - MAX_LOOKUPS, 0),
        "tags": _tags_of(answer),
    }


def head_of(record: Record) -> Record:
    """Return what the list shows of a record."""
    names = ("id", "request_id", "at", "is_asked", "route", "status", "ms", "user_id")
    counted = {"queries": record["queries"], "database_ms": record["database_ms"]}
    return (
        {name: record[name] for name in names}
        | counted
        | {
            "is_kept_answer": record["is_kept_answer"],
            "is_within_budget": record["verdict"]["is_within_budget"],
            "waste": len(record["waste"]),
        }
    )


def fitted(record: Record) -> bytes:
    """Return the record as JSON, without the last of its statements if it would be too large."""
    payload = orjson.dumps(record)
    while len(payload) > MAX_RECORD_BYTES and (record["statements"] or record["cache"]):
        for name, left_out in (("statements", "statements_left_out"), ("cache", "cache_left_out")):
            kept = record[name][: len(record[name]) // 2]
            record[left_out] += len(record[name]) - len(kept)
            record[name] = kept
        payload = orjson.dumps(record)
    return payload


def _statement(seen: Seen, plans: dict[str, Any]) -> Record:
    statement, its_shape = seen.statement, seen.shape
    # The plan of a shape stands with the first of its statements.
    plan = plans.pop(its_shape.fingerprint, None)
    return {
        "fingerprint": its_shape.fingerprint,
        "kind": its_shape.kind,
        "sql": its_shape.text[:MAX_SQL_CHARS],
        "alias": statement.alias,
        "ms": _ms(statement.seconds),
        "budget_ms": statement_budget_ms(seen),
        "rows": statement.rows,
        "is_failed": statement.is_failed,
        "plan": plan.tree if plan else None,
        "no_plan_because": plan.obstacle if plan else "",
    }


def _lookup(lookup: Lookup) -> Record:
    tags = (tag for identity in lookup.identities for tag in lookup.tags(identity))
    return {
        "policy": lookup.policy,
        "outcome": lookup.outcome,
        "reader_id": lookup.reader_id,
        "values": len(lookup.identities),
        "keys": [_key(identity) for identity in islice(lookup.identities, MAX_NAMES)],
        "tags": _named(tags),
    }


def _tags_of(answer: FinishedRequest) -> list[str]:
    recorded = answer.request.META.get(DEPENDENCIES) if answer.request is not None else None
    return _named(recorded.versions) if recorded is not None else []


def _named(tags: Iterable[str]) -> list[str]:
    """Return each tag once; of digests of secrets, digests."""
    first = islice(dict.fromkeys(tags), MAX_NAMES)
    return [_SECRET.sub(lambda secret: _digest(secret[0]), tag) for tag in first]


def _key(identity: object) -> str:
    text = str(identity)
    return text if _HARMLESS.fullmatch(text) else _digest(text)


def _digest(text: str) -> str:
    return f"#{blake2b(text.encode(), digest_size=6).hexdigest()}"


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
