"""What reads still ask of the database once all that can be cached is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from perf.lab.plans.capture import captured
from perf.lab.plans.requests import ASKS, Ask, Subject, bearer, client, send
from users.services import token_create, token_revoke

# The first fills the cache; what the second is made of, a further one may leave as ready bytes.
TIMES_BEFORE = 2


def warm_asks() -> list[Ask]:
    """Return all reads, those of newcomers as the owner's: only seeded users have anything."""
    asks: list[Ask] = []
    for ask in ASKS:
        one = replace(ask, by="anonymous" if ask.by == "anonymous" else "owner")
        if ask.endpoint.startswith("GET ") and one not in asks:
            asks.append(one)
    return asks


def warm_statements() -> Iterator[tuple[Ask, list[str]]]:
    """Yield each read, and the statements that it runs when it was asked for before.

    Not in a transaction: there nothing is cached. Makes a token for the owner and revokes it.

    Raises:
        RequestFailed, Novel.DoesNotExist: As `perf.lab.plans.requests.answered`.
    """
    subject = Subject.found()
    secret, token = token_create(user=subject.owner)
    try:
        clients = {"anonymous": client(), "owner": client()}
        clients["owner"].credentials(**bearer(secret))
        for ask in warm_asks():
            with captured(cached=True) as statements:
                for _ in range(TIMES_BEFORE):
                    send(clients[ask.by], ask, subject.values)
                statements.clear()
                send(clients[ask.by], ask, subject.values)
            yield ask, [one.sql for one in statements]
    finally:
        token_revoke(token_id=token.pk)
