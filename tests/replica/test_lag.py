"""What the serving role may read about replicas of the primary."""

from __future__ import annotations

import psycopg

from tests.serving import wait_until

from .pair import Pair

LAG = "SELECT name, state, sync_state, lag_bytes FROM morpheus_replicas()"


def test_the_serving_role_sees_how_far_a_replica_is_behind(pair: Pair) -> None:
    with psycopg.connect(pair.primary_url("morpheus_app"), autocommit=True) as app:

        def lag() -> int:
            [(_, state, sync_state, behind)] = app.execute(LAG).fetchall()
            assert (state, sync_state) == ("streaming", "async")
            return int(behind)

        pair.pause()
        try:
            pair.on_primary("SELECT pg_logical_emit_message(false, 'lag', repeat('x', 20000))")
            wait_until(lambda: lag() >= 20_000)
        finally:
            pair.resume()
        wait_until(lambda: lag() < 20_000)
