"""Builds the trace of one request as a JSON document, without any value of the client's."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import Any

import orjson

from morpheus.tracing.request_trace import FinishedRequest, Lookup, RequestTrace, Statement
from perf.monitoring.queries.redundant import RedundantQueries, find_redundant_queries
from perf.monitoring.request_traces.budget_check import check_budget, get_budget_ms
from perf.monitoring.request_traces.plans import TracedPlan, take_plans
from perf.monitoring.sql_text import normalize

# Only the number of further statements and lookups is stored.
MAX_STATEMENTS = 100
MAX_LOOKUPS = 100
# Keys or tags of one lookup; further ones are left out.
MAX_NAMES = 100
# Long lists of columns make statements long.
MAX_SQL_CHARS = 4000
MAX_TRACE_BYTES = 256 * 1024

# A cache key may hold a client's text or the digest of a secret. Numbers and the digests of list
# positions are shown; other keys are hashed.
_HARMLESS_KEY = re.compile(r"[\d:]+|[0-9a-f]{32}")
_SECRET = re.compile(r"[0-9a-f]{40,}")

_SUMMARY = (
    *("id", "request_id", "at", "is_requested", "route", "status", "ms", "user_id", "queries"),
    *("database_ms", "is_cached_response"),
)

Trace = dict[str, Any]


def build_trace(request: FinishedRequest, *, is_requested: bool) -> Trace:
    """Return the trace of a request; taking the plans costs the database a few ms."""
    trace = request.trace or RequestTrace()
    redundant = find_redundant_queries(trace.statements)
    method, _, path = request.route.partition(" ")
    # The admin's requests run as staff (`morpheus.admin.site`).
    is_staff = path.startswith("/admin/")
    shown = trace.statements[:MAX_STATEMENTS]
    plans = take_plans(shown, request.user_id, is_staff=is_staff)
    return {
        # Not the X-Request-ID, because a client may choose that.
        "id": secrets.token_hex(16),
        "request_id": request.request_id,
        "at": datetime.fromtimestamp(request.at, UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z"),
        "is_requested": is_requested,
        "method": method,
        "route": request.route,
        "status": request.status,
        "ms": _ms(request.seconds),
        "user_id": request.user_id,
        # The response cache responds before Django and the database.
        "is_cached_response": request.trace is None,
        "queries": trace.queries,
        "database_ms": _ms(trace.seconds),
        "replica_queries": trace.replica_queries,
        "budget": check_budget(request, redundant),
        "redundant_queries": [_redundant(queries) for queries in redundant],
        "statements": [_statement(statement, plans) for statement in shown],
        "statements_left_out": len(trace.statements) - len(shown),
        "cache": [_lookup(lookup) for lookup in trace.lookups[:MAX_LOOKUPS]],
        "cache_left_out": max(len(trace.lookups) - MAX_LOOKUPS, 0),
        "tags": _unique_tags(request.tags),
    }


def summarize_trace(trace: Trace) -> Trace:
    """Return the part of a trace that the list shows."""
    return {
        **{name: trace[name] for name in _SUMMARY},
        "is_within_budget": trace["budget"]["is_within_budget"],
        "redundant_queries": len(trace["redundant_queries"]),
    }


def serialize_trace(trace: Trace) -> bytes:
    """Return the trace as JSON; one that is too large loses its last statements and lookups."""
    payload = orjson.dumps(trace)
    while len(payload) > MAX_TRACE_BYTES and (trace["statements"] or trace["cache"]):
        for name, left_out in (("statements", "statements_left_out"), ("cache", "cache_left_out")):
            half = trace[name][: len(trace[name]) // 2]
            trace[left_out] += len(trace[name]) - len(half)
            trace[name] = half
        payload = orjson.dumps(trace)
    return payload


def _statement(statement: Statement, plans: dict[str, TracedPlan]) -> Trace:
    its = normalize(statement)
    # Only the first statement of a fingerprint has the plan.
    plan = plans.pop(its.fingerprint, TracedPlan())
    return {
        "fingerprint": its.fingerprint,
        "kind": its.kind,
        "sql": its.text[:MAX_SQL_CHARS],
        "alias": statement.alias,
        "ms": _ms(statement.seconds),
        "budget_ms": get_budget_ms(statement),
        "rows": statement.rows,
        "is_failed": statement.is_failed,
        "plan": plan.tree,
        "no_plan_reason": plan.no_plan_reason,
    }


def _redundant(queries: RedundantQueries) -> Trace:
    return {
        "kind": queries.kind,
        "fingerprint": queries.normalized.fingerprint,
        "times": queries.times,
        "sql": queries.normalized.text[:MAX_SQL_CHARS],
    }


def _lookup(lookup: Lookup) -> Trace:
    tags = (tag for identity in lookup.identities for tag in lookup.tags(identity))
    return {
        "policy": lookup.policy,
        "outcome": lookup.outcome,
        "reader_id": lookup.reader_id,
        "values": len(lookup.identities),
        "keys": [_key(identity) for identity in islice(lookup.identities, MAX_NAMES)],
        "tags": _unique_tags(tags),
    }


def _unique_tags(tags: Iterable[str]) -> list[str]:
    """Return each tag once, with digests of secrets hashed again."""
    first = islice(dict.fromkeys(tags), MAX_NAMES)
    return [_SECRET.sub(lambda secret: _digest(secret[0]), tag) for tag in first]


def _key(identity: object) -> str:
    text = str(identity)
    return text if _HARMLESS_KEY.fullmatch(text) else _digest(text)


def _digest(text: str) -> str:
    return f"#{blake2b(text.encode(), digest_size=6).hexdigest()}"


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
