"""Send the example requests in this process, and record the statements of each.

Also the statements that no request sends without a cache: the refresh of a cached search.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client, override_settings
from django.urls import URLPattern, reverse

from morpheus.db.transactions import write_transaction
from novels.models import NovelUpload
from novels.search.matches import MAX_CANDIDATES, SPARE_CANDIDATES, Candidate
from novels.search.query import CHANGED_PER_KNOWN, Search
from perf.lab.example_catalogue import EXAMPLES
from perf.lab.example_requests import Conversation, ExampleRequest, HttpRequest, bearer
from perf.lab.example_rows import ExampleRows, first_rows
from perf.lab.mail_tokens import add_mail_token
from perf.lab.plans.capture import RequestFailed, Statement, capture_statements, served_host
from perf.monitoring.list_routes import list_api_routes
from users.models import User
from users.services.tokens import token_create

# Files would stay behind: a rollback does not delete them.
RECORDED = tuple(sent for sent in EXAMPLES if sent.reads_tables and sent.upload is None)
# Lists that are read in parts if they are cached, and else by one statement.
_WHOLE = frozenset(
    f"GET {route.path}" for route in list_api_routes() if route.lists_rows and route.read.whole
)

# Other routes are about the seeded rows.
_KEPT = ("POST /users/me/tokens/", "POST /users/me/exports/")

_EMAIL = "recorded@example.org"
_UNLIMITED = dict.fromkeys(
    (
        *("login", "login_network", "login_user", "register", "write", "parse"),
        *("mail", "mail_user", "mail_network", "export"),
    ),
    (1_000_000, 60),
)

_PROBES = ("/healthz", "/readyz", "/metrics")
# Pages of Django's admin site that are no lists.
_ADMIN_FORMS = {
    *("login", "logout", "password_change", "password_change_done"),
    *("autocomplete", "jsi18n", "view_on_site"),
}

# A snapshot before all transactions, and a transaction that every other snapshot sees.
_FIRST_SNAPSHOT, _LONG_AGO = "3:3:", 3
_CHANGES = """
INSERT INTO novels_searchchange (novel_id, changed, changed_whole)
SELECT id, %(at)s::text::xid8, %(at)s::text::xid8
FROM novels_novel WHERE is_public ORDER BY id LIMIT %(count)s
ON CONFLICT (novel_id) DO UPDATE SET changed = excluded.changed, changed_whole = excluded.changed
"""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """An example that was sent, with its statements.

    Attributes:
        user_id: The caller, if the data has it; None for anonymous and new users.
        size_bytes: Size of the response's body.
    """

    sent: ExampleRequest
    user_id: int | None
    statements: list[Statement]
    size_bytes: int


def record_requests() -> Iterator[RecordedRequest]:
    """Send `RECORDED` without a cache. The caller has a transaction, and rolls it back.

    Thumbnails must exist (`prepare_thumbnails`): a rollback does not delete the file of a new one.

    Raises:
        CommandError: A response is an error, or there is no data.
    """
    rows = first_rows()
    secret, _ = token_create(user=User(pk=rows.owner_id))
    _give_upload(rows)
    values = {**rows.values, "email": _EMAIL, "new_email": _EMAIL}
    talk = Conversation(values, {"owner": bearer(secret)})
    with override_settings(MORPHEUS_THROTTLE_RATES=_UNLIMITED):
        for sent in _with_parts(RECORDED):
            add_mail_token(talk, sent)
            with capture_statements(in_parts=sent.in_parts) as statements:
                response = send(talk.build(sent))
                body = read_body(response)
            cookies = {name: morsel.value for name, morsel in response.cookies.items()}
            talk.keep_credentials(sent, body, cookies)
            if sent.route in _KEPT:
                talk.keep_id(sent, body)
            user_id = rows.owner_id if sent.caller == "owner" else None
            yield RecordedRequest(sent, user_id, statements, len(body))


def _give_upload(rows: ExampleRows) -> None:
    """Give the novel an upload, which seeded novels lack: without one it cannot be parsed again."""
    columns = {"owner_id": rows.owner_id, "digest": "0" * 64, "path": "nowhere", "size_bytes": 1}
    with write_transaction(as_user=rows.owner_id):
        NovelUpload.objects.get_or_create(novel_id=rows.values["novel_id"], defaults=columns)


def _with_parts(examples: Iterable[ExampleRequest]) -> Iterator[ExampleRequest]:
    for sent in examples:
        yield sent
        if sent.route in _WHOLE:
            yield replace(sent, in_parts=True)


def warm_reads() -> list[ExampleRequest]:
    """Return every read of tables; those of a new user as the owner's, because it owns rows."""
    reads: list[ExampleRequest] = []
    for sent in RECORDED:
        read = replace(sent, caller="anonymous" if sent.caller == "anonymous" else "owner")
        if sent.is_read and read not in reads:
            reads.append(read)
    return reads


def operator_requests() -> list[ExampleRequest]:
    """Return the probes, the admin's pages without parameters, and the list of each model."""
    models = [model._meta for model in apps.get_models() if admin.site.is_registered(model)]
    names = [f"{meta.app_label}_{meta.model_name}_changelist" for meta in models]
    names += [
        pattern.name
        for pattern in admin.site.get_urls()
        if isinstance(pattern, URLPattern)
        and pattern.name is not None
        and pattern.name not in _ADMIN_FORMS
        and not pattern.pattern.regex.groups
    ]
    pages = sorted(reverse(f"admin:{name}") for name in names)
    return [
        *(ExampleRequest(f"GET {path}", root="") for path in _PROBES),
        *(ExampleRequest(f"GET {path}", caller="staff", root="") for path in pages),
    ]


def record_operator_requests() -> Iterator[RecordedRequest]:
    """Send the operators' requests as a superuser, in the caller's transaction.

    Raises:
        RequestFailed: A response is an error.
    """
    user = get_user_model().objects.create_superuser("operator@example.org", None)
    client = Client(SERVER_NAME=served_host())
    client.force_login(user)
    for sent in operator_requests():
        with capture_statements() as statements:
            body = read_body(send(sent.build({}), client))
        yield RecordedRequest(sent, None, statements, len(body))


def send(request: HttpRequest, client: Client | None = None) -> Any:
    """Return the response.

    Raises:
        RequestFailed: It is an error or a redirect.
    """
    response = (client or Client(SERVER_NAME=served_host())).generic(
        request.method, request.path, request.body, secure=True, headers=request.headers
    )
    if not 200 <= response.status_code < 300:
        raise RequestFailed(
            f"{request.method} {request.path}: {response.status_code} {response.content!r}"
        )
    return response


def read_body(response: Any) -> bytes:
    """Return the body of a response, streamed or not."""
    # The file of a picture is closed at its end.
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def record_search_refresh() -> list[Statement]:
    """Return the statements of a refresh when most candidates are known, and when none is.

    As many novels have changed as a refresh reads at most. The caller's transaction is to be
    rolled back, because the notes of these changes stay.
    """
    most = MAX_CANDIDATES + SPARE_CANDIDATES
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM novels_searchchange")
        cursor.execute(_CHANGES, {"at": _LONG_AGO, "count": CHANGED_PER_KNOWN * most})
    search = Search("the")
    known = search.match()
    candidate = Candidate(id=1, score=1, novel_id=1, chapter_id=None)
    with capture_statements() as statements:
        search.refresh(
            known._replace(snapshot=_FIRST_SNAPSHOT, horizon=1, candidates=[candidate] * most)
        )
        search.refresh(known._replace(snapshot=_FIRST_SNAPSHOT, horizon=0, candidates=[]))
    return statements
