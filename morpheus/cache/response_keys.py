"""Keys of the response cache: one for all spellings of a request, none for some requests.

A key holds all of a request that its response may depend on, and nothing else: what a client can
vary freely without another response would fill the cache with copies.
"""

from __future__ import annotations

import re
from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import orjson
from django.conf import settings

from morpheus.cache.policies import CachePolicy

Environ = dict[str, Any]

_PREFIX = "/api/v1/"
# Longer URLs are no bookmarks, and would fill the cache.
_MAX_KEY_CHARS = 1024
# The values that our views of JSON negotiate alike. Others, and their weights, are for Django.
_ACCEPTED = frozenset({"*/*", "application/json", "application/json, */*"})
# Begins the `Accept` of an `<img>`. Views of pictures answer the same to any; no other view's
# response is read or kept with it.
PICTURES = "image/"
# With one of these a request may have a response of its own.
_OWN = (
    "HTTP_AUTHORIZATION",
    "HTTP_RANGE",
    "HTTP_IF_MATCH",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_TRANSFER_ENCODING",
)
# A query string that is encoded in only one way, but for the order of its parameters.
_PLAIN = re.compile(r"[\w.~-]+=[\w.~+-]*(?:&[\w.~-]+=[\w.~+-]*)*", re.ASCII)

# Spellings of `Host` beside the usual ones that a process keeps responses for, and the seconds
# after which an unused one makes room.
MAX_OTHER_HOSTS = 16
_HOST_TTL_S = 300.0


class Hosts:
    """The spellings of `Host` whose responses are kept.

    Links repeat the `Host` of their request. Django checks the name alone, in any case and with any
    port, so one client could have each response kept in 65,535 copies. Usual are the names of
    `ALLOWED_HOSTS` without a port or with the server's own, and the hosts of
    `CSRF_TRUSTED_ORIGINS`. Of others (a mapped port, a wildcard) the first few count as well; one
    that is in use stays.
    """

    def __init__(self) -> None:
        self._usual: set[str] = set()
        self._others: dict[str, float] = {}

    def may_keep(self, environ: Environ) -> bool:
        """Tell whether a response to this `Host` would be kept."""
        host = environ.get("HTTP_HOST", "")
        if host in self._usual:
            return True
        if not host:
            return False  # Links name the port of the process that is asked.
        if host in self._others:
            self._others[host] = monotonic()
            return True
        if host in _usual_hosts(environ.get("SERVER_PORT", "")):
            self._usual.add(host)
            return True
        if len(self._others) >= MAX_OTHER_HOSTS:
            unused_since = monotonic() - _HOST_TTL_S
            self._others = {
                name: at for name, at in self._others.copy().items() if at > unused_since
            }
        return len(self._others) < MAX_OTHER_HOSTS

    def add(self, host: str) -> None:
        """Count a spelling that Django accepted, because a response to it is kept now."""
        if host not in self._usual:
            self._others[host] = monotonic()


def _usual_hosts(port: str) -> set[str]:
    names = {spelling for name in settings.ALLOWED_HOSTS for spelling in (name, f"{name}:{port}")}
    return names | {urlsplit(origin).netloc for origin in settings.CSRF_TRUSTED_ORIGINS}


def response_key(policy: CachePolicy, environ: Environ, hosts: Hosts) -> str | None:
    """Return what the response is kept under; None if it may be the client's own.

    Whatever could change a response and is not here must be in `_OWN`, or be negotiated by a value
    that is not in `_ACCEPTED`.
    """
    path = environ.get("PATH_INFO", "")
    accept = environ.get("HTTP_ACCEPT", "*/*")
    if (
        environ["REQUEST_METHOD"] != "GET"
        or not path.startswith(_PREFIX)
        # An id with leading zeros finds what it finds without them.
        or "/0" in path
        or any(environ.get(name) for name in _OWN)
        or settings.SESSION_COOKIE_NAME in environ.get("HTTP_COOKIE", "")
        or not (accept in _ACCEPTED or accept.startswith(PICTURES))
        or environ.get("CONTENT_LENGTH") not in (None, "", "0")
        or not settings.MORPHEUS_CACHE
        or not hosts.may_keep(environ)
    ):
        return None
    query = environ.get("QUERY_STRING", "")
    if query:
        spelled = _one_spelling(query)
        if spelled is None:
            return None
        query = spelled
    # Both forms of a GET are answered alike.
    parts = [_scheme(environ), environ["HTTP_HOST"], path if path[-1] == "/" else f"{path}/", query]
    if sum(map(len, parts)) > _MAX_KEY_CHARS:
        return None
    # JSON, so that no part can pretend to be two.
    return policy.key(orjson.dumps(parts).decode(), None)


def _scheme(environ: Environ) -> str:
    """Return the scheme of the response's links, as Django's `HttpRequest.scheme` finds it."""
    if trusted := settings.SECURE_PROXY_SSL_HEADER:
        name, secure = trusted
        if (given := environ.get(name)) is not None:
            return "https" if given.split(",", 1)[0].strip() == secure else "http"
    return str(environ["wsgi.url_scheme"])


@lru_cache(maxsize=1024)
def _one_spelling(query: str) -> str | None:
    """Return the query string as all of its spellings are kept; None if Django has to refuse it.

    Spellings differ in the order of parameters, in escapes and in empty parts.
    """
    if _PLAIN.fullmatch(query):
        return "&".join(sorted(query.split("&"))) if "&" in query else query
    if len(query) > _MAX_KEY_CHARS:
        return None
    try:
        pairs = parse_qsl(_as_django_reads(query), keep_blank_values=True)
    except ValueError:
        return None
    return "&".join(sorted(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs))


def _as_django_reads(query: str) -> str:
    """Return the text of a query string; WSGI has one character for each byte."""
    if query.isascii():
        return query
    try:
        return query.encode("latin-1").decode()
    except UnicodeDecodeError:
        return query
