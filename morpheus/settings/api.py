"""Django REST framework and the OpenAPI document."""

from __future__ import annotations

from .environment import env

__all__ = [
    "REST_FRAMEWORK",
    "SPECTACULAR_SETTINGS",
    "THROTTLE_RATES",
    "TRANSFER_GRACE_S",
    "TRUSTED_PROXIES",
]

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
    "DEFAULT_SCHEMA_CLASS": "morpheus.api.schemas.ViewSchema",
    "DEFAULT_THROTTLE_CLASSES": ["morpheus.http.throttling.WriteThrottle"],
    "EXCEPTION_HANDLER": "morpheus.http.errors.build_problem_response",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}

_logins = env.number("THROTTLE_LOGIN_PER_MINUTE", default=10, at_least=1)
# Requests per window and caller: (number, seconds). Of logins: for one user from one network, from
# one network, and for one user from everywhere.
THROTTLE_RATES = {
    "login": (_logins, 60),
    "login_network": (
        env.number("THROTTLE_LOGIN_NETWORK_PER_MINUTE", default=_logins, at_least=1),
        60,
    ),
    "login_user": (
        env.number("THROTTLE_LOGIN_USER_PER_MINUTE", default=10 * _logins, at_least=1),
        60,
    ),
    "register": (env.number("THROTTLE_REGISTER_PER_HOUR", default=20, at_least=1), 3600),
    "write": (env.number("THROTTLE_WRITES_PER_MINUTE", default=120, at_least=1), 60),
}

# How many proxies of ours add to X-Forwarded-For; 0 means that the socket's peer is the client.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", default=0, at_least=0)

# A request body or a streamed response may move slower than 16 kB/s for so many seconds; then its
# connection is closed (morpheus.serving.transfers).
TRANSFER_GRACE_S = env.number("TRANSFER_GRACE_S", default=10.0, at_least=0.1)

SPECTACULAR_SETTINGS = {
    "TITLE": "Morpheus",
    "DESCRIPTION": "Novels, comics and their making. Lists page by cursor and never count. An "
    "operation takes the query parameters that it lists, each once; any other one is answered 400.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # Without a validator: on a public host Swagger UI would send the document's URL to one.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "morpheus.http.openapi.add_problem_responses",
        "morpheus.http.openapi.add_not_modified",
        "morpheus.http.openapi.add_summaries",
    ],
}
