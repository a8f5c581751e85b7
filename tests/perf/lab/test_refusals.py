"""A refused request costs little; the tool measures its cost."""

from __future__ import annotations

from typing import Any

import pytest

from morpheus.cache.store import cache_store
from perf.lab.refusals import RefusalCost, measure_costs
from tests.visitor import Visitor

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.redundant_queries("It sends each request several times."),
]


@pytest.fixture
def costs(visitor: Visitor) -> dict[str, RefusalCost]:
    return {cost.refusal.name: cost for cost in measure_costs(visitor.lane, rounds=5)}


def test_a_refused_request_costs_at_most_one_statement_and_reads_no_large_body(
    costs: dict[str, RefusalCost],
) -> None:
    # The caller is known, and so is the novel: the transaction of a write reads both.
    assert costs.pop("403 not the owner").queries <= 2
    assert {name: cost.queries for name, cost in costs.items() if cost.queries > 1} == {}
    for name in ("400 JSON of 10 GB", "401 upload of 10 GB", "400 upload of 10 GB", "429 write"):
        assert (costs[name].queries, costs[name].read_bytes) == (0, 0)
    for name in ("401 no credentials", "401 malformed token", "429 login", "429 register"):
        assert costs[name].queries == 0
    assert all(cost.cpu_us > 0 for cost in costs.values())


def _keys() -> int:
    [number] = cache_store().client.run(lambda prefix: [("DBSIZE",)])
    return int(number)


def test_unknown_tokens_leave_nothing_in_the_cache(api: Any) -> None:
    def send(number: int) -> None:
        response = api.get("/api/v1/users/me/", HTTP_AUTHORIZATION=f"Bearer {number:043}")
        assert response.status_code == 401

    send(0)
    before = _keys()
    for number in range(1, 20):
        send(number)

    assert _keys() <= before


@pytest.mark.parametrize("url", ["/api/v1/auth/token/", "/api/v1/auth/login/"])
def test_a_throttled_login_hashes_no_password(
    api: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings.MORPHEUS_THROTTLE_RATES = settings.MORPHEUS_THROTTLE_RATES | {"login": (0, 60)}
    hashed: list[Any] = []
    monkeypatch.setattr("users.views.authenticate", lambda *args, **given: hashed.append(given))

    response = api.post(url, {"email": "ann@example.org", "password": "wrong"})

    assert response.status_code == 429
    assert hashed == []
