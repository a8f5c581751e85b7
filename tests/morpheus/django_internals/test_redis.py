"""Which master a group of sentinels names; `tests/ops` has real ones."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from morpheus.django_internals import redis as internals
from morpheus.django_internals.redis import Master, SentinelGroup

Replies = dict[int, Any]


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> Replies:
    """What the sentinel on each port replies: port of the master, and epoch; or an error."""
    replies: Replies = {}

    def sentinel_master(sentinel: Redis, service: str, **_: Any) -> dict[str, Any]:
        assert service == "comics"
        reply = replies[sentinel.connection_pool.connection_kwargs["port"]]
        asked.append(reply)
        if isinstance(reply, Exception):
            raise reply
        port, epoch, *down = reply
        state = {"ip": "127.0.0.1", "port": port, "config-epoch": epoch}
        return state | {"is_sdown": bool(down), "is_odown": False}

    asked: list[Any] = []
    replies[0] = asked
    monkeypatch.setattr(Redis, "sentinel_master", sentinel_master)
    return replies


@pytest.fixture
def group() -> SentinelGroup:
    return SentinelGroup([("127.0.0.1", port) for port in (1, 2, 3)], "comics", timeout_s=0.1)


def test_a_majority_is_asked_and_the_latest_failover_counts(
    group: SentinelGroup, replies: Replies
) -> None:
    replies |= {1: (6379, 4), 2: (6380, 5), 3: (6379, 4)}

    assert group.find_master() == Master("127.0.0.1", 6380, 5)
    assert len(replies[0]) == 2


def test_a_sentinel_that_failed_is_asked_last(group: SentinelGroup, replies: Replies) -> None:
    replies |= {1: ResponseError("No such master"), 2: (6379, 4), 3: (6379, 4)}
    group.find_master()
    replies[0].clear()

    group.expire()
    assert group.find_master().port == 6379

    assert replies[0] == [(6379, 4), (6379, 4)]


@pytest.mark.parametrize("others", [RedisError("It is away."), (6379, 5, "down")])
def test_without_a_majority_or_with_a_master_that_is_down_there_is_none(
    group: SentinelGroup, replies: Replies, others: Any
) -> None:
    replies |= {1: (6379, 4), 2: others, 3: others}

    with pytest.raises(RedisError):
        group.find_master()


def test_a_reply_holds_for_the_lease_or_until_it_expires(
    group: SentinelGroup, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies |= dict.fromkeys((1, 2, 3), (6379, 4))
    group.find_master()
    replies |= dict.fromkeys((1, 2, 3), (6380, 5))

    assert group.find_master().port == 6379
    group.expire()
    assert group.find_master().port == 6380
    replies |= dict.fromkeys((1, 2, 3), (6381, 6))
    monkeypatch.setattr(internals, "LEASE_S", 0.0)
    assert group.find_master().port == 6381
