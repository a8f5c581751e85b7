"""The ASGI application that holds event streams.

Django handles the request that opens one, in a thread: login, visibility, errors and headers are
those of every request. From then on a stream is a coroutine, which holds neither a thread nor a
connection to the database.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from asgiref.wsgi import WsgiToAsgiInstance
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpResponse

from morpheus.events.feeds import REFUSED_S, Hub, refused_streams
from morpheus.events.streams import ADMIT, Stream, Subscription
from morpheus.http.errors import ServiceUnavailable, respond, respond_with
from morpheus.http.health import STOPPING
from morpheus.serving.listening import DRAIN_SIGNAL, END_SIGNAL
from morpheus.tracing.request_trace import trace_request

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Everything else is for the web server.
_SERVED = re.compile(r"/api/v1/.+/events/?|/readyz|/metrics")

# A client that takes nothing for so long is disconnected. Until then, at most the newest body of
# each id waits for it, beside the buffers of the kernel.
SLOW_S = 30.0

# How long the end of the process waits for clients to take the end of their streams.
LAST_CHUNKS_S = 3.0


class _Response(NamedTuple):
    """What a WSGI application has responded."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    subscription: Subscription | None


class EventsApplication:
    """Serves `…/events/` and the probes of this process.

    Args:
        site: The WSGI application that handles requests.
        threads: Requests that are handled at the same time.
    """

    def __init__(self, site: Callable[..., Iterable[bytes]], threads: int) -> None:
        self._site = site
        self._hub = Hub(threads)
        self._is_stopping = False
        self._open = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/healthz":  # Also while all threads wait for the database.
            await _send(send, _read(HttpResponse('{"status": "ok"}', "application/json")))
        elif not _SERVED.fullmatch(scope["path"]):
            await _send(send, _read(respond("not_found", "Not found.")))
        else:
            await self._handle(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start with the server, and end with it."""
        loop = asyncio.get_running_loop()
        while (message := await receive())["type"] == "lifespan.startup":
            loop.add_signal_handler(DRAIN_SIGNAL, self._drain)
            loop.add_signal_handler(END_SIGNAL, self._hub.end)
            self._hub.start()
            await send({"type": "lifespan.startup.complete"})
        # Streams end as whole responses, before the event loop stops.
        self._hub.end()
        deadline = loop.time() + LAST_CHUNKS_S
        while self._open and loop.time() < deadline:
            await asyncio.sleep(0.02)
        await send({"type": f"{message['type']}.complete"})

    def _drain(self) -> None:
        self._is_stopping = True

    async def _handle(self, scope: Message, receive: Receive, send: Send) -> None:
        is_stream = scope["path"].startswith("/api/")
        if is_stream and (self._hub.has_ended or self._open >= settings.MORPHEUS_EVENT_STREAMS):
            refused_streams.labels("all").inc()
            detail = "Too many event streams are open."
            refusal = respond("server_busy", detail, **{"Retry-After": f"{REFUSED_S}"})
            await _send(send, _read(refusal))
            return
        self._open += is_stream
        try:
            environ = _build_environ(scope)
            asked = environ | {ADMIT: self._hub.admit, STOPPING: self._is_stopping}
            response = await self._hub.run(self._ask, asked)
            if response.subscription is None or scope["method"] == "HEAD":
                await _send(send, response)
            else:
                await self._stream(environ, response, response.subscription, receive, send)
        finally:
            self._open -= is_stream

    def _ask(self, environ: dict[str, Any]) -> _Response:
        """Return Django's response; its connection to the database is free again."""
        heads: list[tuple[str, list[tuple[str, str]]]] = []
        response = self._site(environ, lambda status, headers, *_: heads.append((status, headers)))
        [(status, headers)] = heads
        body = b"".join(response)
        if isinstance(response, HttpResponse):
            response.close()
        subscription = getattr(response, "subscription", None)
        return _Response(int(status.split()[0]), headers, body, subscription)

    def _ask_again(self, environ: dict[str, Any]) -> int:
        """Return the status of the same request now; no log and no limit counts it."""
        with trace_request():
            again = environ | {ADMIT: lambda callers: None, "wsgi.input": io.BytesIO()}
            return self._ask(again).status

    async def _stream(
        self,
        environ: dict[str, Any],
        response: _Response,
        subscription: Subscription,
        receive: Receive,
        send: Send,
    ) -> None:
        last_id = environ.get("HTTP_LAST_EVENT_ID", "")
        status = partial(self._ask_again, environ)
        try:
            async with self._hub.stream(subscription, last_id, status) as stream:
                await send(_head(response))
                with suppress(TimeoutError):
                    await _send_texts(stream, receive, send)
        except DatabaseError:
            await _send(send, _read(respond_with(ServiceUnavailable())))


async def _send_texts(stream: Stream, receive: Receive, send: Send) -> None:
    """Send what the client gets, until the stream ends or the client has gone.

    Raises:
        TimeoutError: The client does not read.
    """
    watch = asyncio.ensure_future(_wait_until_gone(receive))
    watch.add_done_callback(lambda _: stream.end())
    try:
        async for text in stream.texts():
            body = {"type": "http.response.body", "body": text, "more_body": True}
            await asyncio.wait_for(send(body), SLOW_S)
        await send({"type": "http.response.body", "body": b""})
    finally:
        watch.cancel()


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _build_environ(scope: Message) -> dict[str, Any]:
    """Return the WSGI environment of a request; its body is not read."""
    builder: Any = WsgiToAsgiInstance(None)  # type: ignore[no-untyped-call] # has no types
    builder.scope = scope
    environ: dict[str, Any] = builder.build_environ(scope, io.BytesIO())
    return environ


def _read(response: HttpResponse) -> _Response:
    return _Response(response.status_code, [*response.items()], response.content, None)


def _head(response: _Response) -> Message:
    headers = [
        (name.lower().encode(), text.encode("latin-1"))
        for name, text in response.headers
        # A stream has none, and the server counts other bodies.
        if name.lower() != "content-length"
    ]
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _send(send: Send, response: _Response) -> None:
    await send(_head(response))
    await send({"type": "http.response.body", "body": response.body})
