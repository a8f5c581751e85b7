"""When tokens were last used, written out of the way of requests and at most once an hour.

Hits of the response cache count too: each finished request names its token.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import connection

from morpheus.db.transactions import write_transaction
from morpheus.tracing.request_trace import FinishedRequest
from users.models import AccessToken

# A use is written if the last one that was written is so old.
INTERVAL_S = 3600.0
# Tokens that one process remembers; further ones are written sooner than they need to be.
MAX_REMEMBERED = 100_000
# Of one statement.
MAX_WRITTEN = 1000


class TokenUses:
    """The uses that this process has seen, in seconds since 1970, by the token's id.

    One thread notes them and another one writes them.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, float] = {}
        self._written: dict[int, float] = {}

    def note(self, requests: Sequence[FinishedRequest]) -> None:
        """Note the tokens of requests: a subscriber of `on_requests_finished`."""
        for request in requests:
            token_id = request.token_id
            if token_id is None or request.at - self._written.get(token_id, 0.0) < INTERVAL_S:
                continue
            if token_id in self._waiting or len(self._waiting) < MAX_REMEMBERED:
                self._waiting[token_id] = request.at

    def write(self) -> None:
        """Write the uses that wait: a collector of `every_ten_seconds`.

        Those that a failure keeps from being written are noted again with the token's next use.
        """
        try:
            while batch := [*self._waiting][:MAX_WRITTEN]:
                uses = {token_id: self._waiting.pop(token_id) for token_id in batch}
                times = {pk: datetime.fromtimestamp(at, UTC) for pk, at in uses.items()}
                with write_transaction(as_staff=True):
                    AccessToken.objects.record_uses(times, interval_s=INTERVAL_S)
                if len(self._written) >= MAX_REMEMBERED:
                    self._written.clear()
                self._written |= uses
        finally:
            if not connection.in_atomic_block:  # As in a test, which is one transaction.
                connection.close()


token_uses = TokenUses()
