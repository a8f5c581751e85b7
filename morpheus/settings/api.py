"""Django REST framework and its limits."""

from __future__ import annotations

from . import environment as env

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "users.authentication.BearerAuthentication",
        "users.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_RENDERER_CLASSES": ["morpheus.http.rendering.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "morpheus.http.rendering.ContentNegotiation",
    "DEFAULT_PARSER_CLASSES": ["morpheus.http.request_bodies.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "morpheus.pagination.KeysetPagination",
    "PAGE_SIZE": 20,
    "DEFAULT_SCHEMA_CLASS": "morpheus.api.openapi.operations.ViewSchema",
    "DEFAULT_THROTTLE_CLASSES": ["morpheus.http.throttling.WriteThrottle"],
    "VIEW_DESCRIPTION_FUNCTION": "morpheus.api.openapi.views.describe_view",
    "EXCEPTION_HANDLER": "morpheus.http.errors.build_problem_response",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}

_logins = env.number("MORPHEUS_THROTTLE_LOGIN_PER_MINUTE", default=10, at_least=1)
_logins_of_network = env.number(
    "MORPHEUS_THROTTLE_LOGIN_NETWORK_PER_MINUTE", default=_logins, at_least=1
)
_registrations = env.number("MORPHEUS_THROTTLE_REGISTER_PER_HOUR", default=20, at_least=1)
_mails = env.number("MORPHEUS_THROTTLE_MAILS_PER_HOUR", default=5, at_least=1)
_exports = env.number("MORPHEUS_THROTTLE_EXPORTS_PER_DAY", default=5, at_least=1)
_writes = env.number("MORPHEUS_THROTTLE_WRITES_PER_MINUTE", default=120, at_least=1)
_parses = env.number("MORPHEUS_THROTTLE_PARSES_PER_HOUR", default=30, at_least=1)
# Requests per window of one client: (number, seconds).
MORPHEUS_THROTTLE_RATES = {
    # Logins of one user from one network, of one network, of one user from all networks.
    "login": (_logins, 60),
    "login_network": (_logins_of_network, 60),
    # Looser, because strangers could otherwise lock a user out from everywhere.
    "login_user": (10 * _logins, 60),
    "register": (_registrations, 3600),
    # Mails of one kind to one address; requests for mails of one user, and of one network.
    "mail": (_mails, 3600),
    "mail_user": (2 * _mails, 3600),
    "mail_network": (4 * _mails, 3600),
    "write": (_writes, 60),
    # Of files that were parsed before.
    "parse": (_parses, 3600),
    # Exports of one user: each reads all that the user has.
    "export": (_exports, 24 * 3600),
}

# How many of our own proxies append to X-Forwarded-For; 0 means that the socket's peer is the
# client.
MORPHEUS_TRUSTED_PROXIES = env.number("MORPHEUS_TRUSTED_PROXIES", default=0, at_least=0)

# Seconds that a request body or a streamed response may be behind 16 kB/s before its connection is
# closed (morpheus.serving.transfers). Longer than any usual loss of a mobile connection.
MORPHEUS_TRANSFER_GRACE_S = 10.0

# Event streams (docs/processing.md): of one process, of one user, and from one address.
MORPHEUS_EVENT_STREAMS = env.number("MORPHEUS_EVENT_STREAMS", default=2000, at_least=1)
MORPHEUS_EVENT_STREAMS_OF = {
    "user": env.number("MORPHEUS_EVENT_STREAMS_PER_USER", default=20, at_least=1),
    "address": env.number("MORPHEUS_EVENT_STREAMS_PER_ADDRESS", default=200, at_least=1),
}
# A stream ends after so long, and its client opens the next one: a login is checked again, and
# streams spread over processes that were added.
MORPHEUS_EVENTS_MAX_S = env.number("MORPHEUS_EVENTS_MAX_S", default=900.0, at_least=1)
# Port of the events process on the host of the web server, which redirects there; `make run` sets
# it. 0: a proxy routes streams.
MORPHEUS_EVENTS_PORT = env.number("MORPHEUS_EVENTS_PORT", default=0, at_least=0, at_most=65_535)
