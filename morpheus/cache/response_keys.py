"""Keys of the response cache: one key for all spellings of a request.

A key contains everything of a request that its response may depend on, and nothing else. What a
client can vary without changing the response would fill the cache with copies.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote_plus, urlsplit

import orjson
from django.conf import settings

from morpheus.cache.policies import CachePolicy

RESPONSES = CachePolicy("responses", version=5, ttl_s=300, max_bytes=512 * 1024)
# User, expiry and id of a token, or of a session without id, under the tags of its authentication.
CREDENTIALS = CachePolicy("credentials", version=2, ttl_s=300)

Environ = dict[str, Any]

_PREFIX = "/api/v1/"
# Longer URLs are no bookmarks and would fill the cache.
_MAX_KEY_CHARS = 1024
# `Accept` values for which JSON views respond alike. Django negotiates all others.
_ACCEPTED = frozenset({"*/*", "application/json", "application/json, */*"})
# Start of the `Accept` of an `<img>`. Picture views respond alike to any `Accept`. No response of
# another view is read or filled with this one.
PICTURES = "image/"
# A request with one of these headers may have a response of its own.
_UNCACHED_HEADERS = (
    "HTTP_RANGE",
    "HTTP_IF_MATCH",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_TRANSFER_ENCODING",
)

# Other tokens are never valid (users.authentication).
_BEARER = re.compile(r"Bearer ([A-Za-z0-9_-]{43})")

# Parameters whose value is a set of names, of which there are many for each page.
_NAME_SETS = frozenset({"fields", "expand"})
# Those whose responses a process caches.
MAX_REPRESENTATIONS = 64

# Of lists; other views ignore the header.
COUNT_PREFERENCES = ("exact", "estimated")

# Unusual spellings of `Host` that a process caches responses for, and the seconds after which an
# unused one is dropped.
MAX_OTHER_HOSTS = 16
_UNUSED_S = 300.0


class Spellings:
    """Up to `most` texts of clients, each until it is unused for five minutes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used_at: dict[str, float] = {}

    def renew(self, text: str) -> bool:
        """Return whether the text is one of them; it is in use then."""
        if text not in self._used_at:
            return False
        self._used_at[text] = monotonic()
        return True

    def have_room(self) -> bool:
        """Return whether there may be one more."""
        if len(self._used_at) >= self._most:
            unused_since = monotonic() - _UNUSED_S
            self._used_at = {
                text: at for text, at in self._used_at.copy().items() if at > unused_since
            }
        return len(self._used_at) < self._most

    def add(self, text: str) -> None:
        self._used_at[text] = monotonic()


representations = Spellings(MAX_REPRESENTATIONS)


class Hosts:
    """The spellings of `Host` whose responses are cached.

    Links in a response repeat its request's `Host`. Django checks the name alone, in any case and
    with any port, so one client could fill the cache with 65,535 copies of each response. Usual
    spellings are the names of `ALLOWED_HOSTS`, without a port or with the server's own, and the
    hosts of `CSRF_TRUSTED_ORIGINS`. Of others (a mapped port, a wildcard), the first few are
    accepted while they are in use.
    """

    def __init__(self) -> None:
        self._usual: set[str] = set()
        self._others = Spellings(MAX_OTHER_HOSTS)

    def allows(self, environ: Environ) -> bool:
        """Return whether responses to this request's `Host` are cached."""
        host = environ.get("HTTP_HOST", "")
        if host in self._usual:
            return True
        if not host:
            return False  # Links contain the port of this process.
        if self._others.renew(host):
            return True
        if host in _usual_hosts(environ.get("SERVER_PORT", "")):
            self._usual.add(host)
            return True
        return self._others.have_room()

    def add(self, host: str) -> None:
        """Add a spelling that Django accepted and that a response was cached for."""
        if host not in self._usual:
            self._others.add(host)


def _usual_hosts(port: str) -> set[str]:
    names = {spelling for name in settings.ALLOWED_HOSTS for spelling in (name, f"{name}:{port}")}
    return names | {urlsplit(origin).netloc for origin in settings.CSRF_TRUSTED_ORIGINS}


class ResponseKeys(NamedTuple):
    """The keys of the responses that a request can get.

    Attributes:
        public: The response that every caller gets.
        own: The response that only this token or session gets, or only anonymous callers.
        credential: The record of the token or session; empty for anonymous callers.
    """

    public: str
    own: str
    credential: str


def response_keys(environ: Environ, hosts: Hosts) -> ResponseKeys | None:
    """Return the keys of a request's response; None if it must not be cached.

    A header that can change a response is part of a key, is in `_UNCACHED_HEADERS`, or has a value
    that is not in `_ACCEPTED`.
    """
    path = environ.get("PATH_INFO", "")
    accept = environ.get("HTTP_ACCEPT", "*/*")
    if (
        environ["REQUEST_METHOD"] != "GET"
        or not path.startswith(_PREFIX)
        # An id with leading zeros selects the same row as without them.
        or "/0" in path
        or any([environ.get(name) for name in _UNCACHED_HEADERS])
        or not (accept in _ACCEPTED or accept.startswith(PICTURES))
        or environ.get("CONTENT_LENGTH") not in (None, "", "0")
        or not settings.MORPHEUS_CACHE
        or not hosts.allows(environ)
    ):
        return None
    credential = _credential(environ)
    # Of staff, the header asks for the trace of a request to Django (docs/explain.md).
    if credential is None or (credential and "HTTP_X_EXPLAIN" in environ):
        return None
    query = environ.get("QUERY_STRING", "")
    if query:
        normalized = _normalize_query(query)
        if normalized is None or not _is_represented(normalized.representation):
            return None
        query = normalized.text
    # A path with and without the last slash has the same response.
    parts = [_scheme(environ), environ["HTTP_HOST"], path if path[-1] == "/" else f"{path}/", query]
    if sum(map(len, parts)) > _MAX_KEY_CHARS:
        return None
    if "HTTP_PREFER" in environ and (count := read_count_preference(environ["HTTP_PREFER"])):
        parts.append(count)
    # As JSON, so that no part can pass as two.
    identity = orjson.dumps(parts).decode()
    return ResponseKeys(
        public=RESPONSES.key(identity, None),
        own=RESPONSES.key(f"{identity}#{credential}", None),
        credential=credential and CREDENTIALS.key(credential, None),
    )


def _credential(environ: Environ) -> str | None:
    """Return a digest of the token or session key; empty without one.

    None for other spellings and for both at once, which Django reads.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    cookies = environ.get("HTTP_COOKIE", "")
    has_session = bool(cookies) and settings.SESSION_COOKIE_NAME in cookies
    if not authorization and not has_session:
        return ""
    if not has_session:
        match = _BEARER.fullmatch(authorization)
    elif not authorization and cookies.count(settings.SESSION_COOKIE_NAME) == 1:
        match = _session_pattern(settings.SESSION_COOKIE_NAME).search(cookies)
    else:
        match = None
    if match is None:
        return None
    key = _digest_key(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return blake2b(match[1].encode(), key=key, digest_size=16).hexdigest()


@lru_cache(maxsize=1)
def _session_pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|; ){re.escape(name)}=([a-z0-9]{{32}})(?=$|;)")


@lru_cache(maxsize=1)
def _digest_key(*secret_keys: str) -> bytes:
    # No credential can be found from its digest. Sessions end when the secret keys change.
    return blake2b("\0".join(map(str, secret_keys)).encode(), digest_size=32).digest()


def _scheme(environ: Environ) -> str:
    """Return the scheme of the response's links, by the rules of Django's `HttpRequest.scheme`."""
    if trusted := settings.SECURE_PROXY_SSL_HEADER:
        name, secure = trusted
        if (header := environ.get(name)) is not None:
            return "https" if header.split(",", 1)[0].strip() == secure else "http"
    return str(environ["wsgi.url_scheme"])


@lru_cache(maxsize=256)
def read_count_preference(header: str) -> str:
    """Return `exact` or `estimated`, the value of `count` in a header `Prefer` (RFC 7240).

    Empty without one; unknown preferences and values are ignored, and of several the first counts.
    """
    for preference in header[:_MAX_KEY_CHARS].split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "count":
            value = value.strip().strip('"').lower()
            return value if value in COUNT_PREFERENCES else ""
    return ""


def _is_represented(representation: str) -> bool:
    """Return whether the responses of a representation are cached; empty is the usual one."""
    if not representation or representations.renew(representation):
        return True
    if not representations.have_room():
        return False
    representations.add(representation)
    return True


class _Query(NamedTuple):
    """A query string in the spelling of keys, and its part of `_NAME_SETS`."""

    text: str
    representation: str


@lru_cache(maxsize=1024)
def _normalize_query(query: str) -> _Query | None:
    """Return the same query string for all spellings; None if Django must refuse it.

    Spellings differ in the order of parameters and of names, in escapes and in empty parts.
    """
    if len(query) > _MAX_KEY_CHARS:
        return None
    try:
        pairs = parse_qsl(_decode_query(query), keep_blank_values=True)
    except ValueError:
        return None
    texts, representation = [], []
    for name, value in pairs:
        if name in _NAME_SETS:
            value = ",".join(sorted(value.split(",")))
            representation.append(f"{name}={value}")
        texts.append(f"{quote_plus(name)}={quote_plus(value)}")
    return _Query("&".join(sorted(texts)), "&".join(sorted(representation)))


def _decode_query(query: str) -> str:
    """Decode a query string as Django does; WSGI has one character for each byte."""
    if query.isascii():
        return query
    try:
        return query.encode("latin-1").decode()
    except UnicodeDecodeError:
        return query
