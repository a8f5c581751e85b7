"""The middleware of every request, and the form of errors."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import OperationalError
from django.urls import path

from tests.pages import written_into


def unreachable(request: Any) -> Any:
    raise OperationalError("connection refused")


def broken(request: Any) -> Any:
    raise RuntimeError("a server error")


urlpatterns = [path("unreachable", unreachable), path("broken", broken)]
handler500 = "morpheus.http.errors.server_error"


def assert_problem(response: Any, status: Any) -> Any:
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert {"type", "title", "status", "detail"} <= body.keys()
    assert body["status"] == status
    return body


def test_every_response_has_an_id_and_its_timing(client: Any) -> None:
    first, second = client.get("/healthz"), client.get("/nowhere")

    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert re.fullmatch(r'db;desc="0 queries";dur=0\.00, cache;desc="miss"', first["Server-Timing"])
    assert second["Server-Timing"] == 'db;desc="withheld";dur=0, cache;desc="withheld"'


@pytest.mark.django_db
def test_the_timing_counts_the_queries(client: Any) -> None:
    client.get("/readyz")

    assert 'db;desc="1 queries";dur=' in client.get("/readyz")["Server-Timing"]


def test_only_a_safe_request_id_is_accepted(client: Any) -> None:
    def send(header: Any) -> Any:
        return client.get("/healthz", headers={"X-Request-ID": header})["X-Request-ID"]

    assert send("trace-0123456789") == "trace-0123456789"
    for hostile in ("short", "a" * 65, "evil\nline-of-log", "<script>alert(1)</script>"):
        assert send(hostile) != hostile


def test_an_invented_method_is_refused_before_metrics_count_it(client: Any) -> None:
    response = client.generic("FOO1", "/healthz")

    assert_problem(response, 405)
    assert "GET" in response["Allow"]


def test_a_chunked_body_is_refused_and_not_read_as_an_empty_one(client: Any) -> None:
    response = client.post(
        "/api/v1/users/", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH=""
    )

    assert "Content-Length" in assert_problem(response, 411)["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["zlib", "utf-16", "rot13", "x" * 99])
def test_a_client_s_charset_has_no_effect(client: Any, charset: Any) -> None:
    kind = f"application/json; charset={charset}"

    assert client.get("/api/v1/novels/?author=%C3%A9", content_type=kind).status_code == 200


def test_the_response_to_a_refused_query_string_has_an_id(client: Any) -> None:
    response = client.get("/api/v1/novels/?" + "a=1&" * 3000)

    assert_problem(response, 400)
    assert response["X-Request-ID"] and response["Server-Timing"]


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/api/v1/novels/", "/api/v1/schema/", "/healthz"])
def test_head_has_the_etag_of_get_and_responds_304_to_it(client: Any, url: Any) -> None:
    etag = client.get(url)["ETag"]

    assert client.head(url)["ETag"] == etag
    assert client.head(url, headers={"If-None-Match": etag}).status_code == 304
    assert client.head(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_schema_is_public_and_the_documentation_page_is_private(client: Any) -> None:
    assert client.get("/api/v1/schema/")["Cache-Control"] == "public, no-cache"
    assert client.get("/api/v1/docs/")["Cache-Control"] == "private, no-cache"


def test_the_documentation_page_sends_nothing_to_an_external_validator(client: Any) -> None:
    assert '"validatorUrl": null' in client.get("/api/v1/docs/?script=").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/api/v1/docs/", "/admin/login/", "/admin/nothing/"])
def test_a_page_has_no_inline_script_and_cannot_be_framed(client: Any, url: Any) -> None:
    page = client.get(url, follow=True)

    policy = page["Content-Security-Policy"].split("; ")
    assert {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "object-src 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    } <= set(policy)
    assert written_into(page.content.decode()) == []


@pytest.mark.django_db
def test_all_but_pages_load_nothing(client: Any) -> None:
    for url in ("/healthz", "/metrics", "/api/v1/novels/", "/api/v1/schema/", "/nowhere"):
        assert client.get(url)["Content-Security-Policy"] == "default-src 'none'"
    assert client.post("/api/v1/novels/")["Content-Security-Policy"] == "default-src 'none'"
    assert client.generic("TRACK", "/")["Content-Security-Policy"] == "default-src 'none'"


def test_an_unchanged_page_keeps_its_policy(client: Any) -> None:
    """Browsers take over the headers of a 304."""
    page = client.get("/api/v1/docs/")

    unchanged = client.get("/api/v1/docs/", headers={"If-None-Match": page["ETag"]})

    assert unchanged.status_code == 304
    assert "Content-Security-Policy" not in unchanged


def test_debug_pages_have_no_content_security_policy(client: Any, settings: Any) -> None:
    settings.DEBUG = True

    page = client.get("/nothing")

    assert page["Content-Type"].startswith("text/html")
    assert "Content-Security-Policy" not in page


@pytest.mark.parametrize("url", ["/api/v1/schema/", "/api/v1/docs/"])
def test_a_problem_is_json_also_where_the_view_renders_other_types(client: Any, url: Any) -> None:
    assert_problem(client.post(url), 405)
    assert_problem(client.get(url, headers={"Accept": "image/png"}), 406)


def test_unknown_urls_are_problems(client: Any) -> None:
    assert_problem(client.get("/api/v1/nothing/"), 404)
    assert_problem(client.get("/nothing"), 404)


@pytest.mark.parametrize("url", ["/", "/api/v1/"])
def test_the_root_redirects_to_the_documentation(client: Any, url: Any) -> None:
    assert client.get(url)["Location"] == "/api/v1/docs/"


@pytest.mark.django_db
def test_a_get_works_without_its_slash_and_a_post_is_never_redirected(client: Any) -> None:
    assert client.get("/api/v1/schema").status_code == 200
    assert client.get("/api/v1/schema/").status_code == 200
    assert client.get("/admin").status_code == 301
    assert client.post("/api/v1/users", {}).status_code == 404


@pytest.mark.django_db
def test_only_an_api_read_without_a_cookie_needs_no_session(client: Any) -> None:
    def has_session(response: Any) -> bool:
        return hasattr(response.wsgi_request, "session")

    novels = "/api/v1/novels/"
    assert not has_session(client.get(novels))
    assert not has_session(client.head(novels))
    assert not has_session(client.get(f"{novels}1/"))
    assert has_session(client.get(novels, headers={"Cookie": "theme=dark"}))
    assert has_session(client.post(novels))
    for page in ("/api/v1/docs/", "/api/v1/schema/", "/api/v1/nothing/", "/healthz"):
        assert has_session(client.get(page))


@pytest.mark.django_db
def test_an_unknown_host_is_refused_also_after_a_known_one(client: Any) -> None:
    for host, status in (("localhost", 200), ("evil.example", 400), ("localhost", 200)) * 2:
        assert client.get("/api/v1/novels/", headers={"Host": host}).status_code == status


@pytest.mark.urls(__name__)
def test_a_lost_database_is_503_with_retry_after(client: Any) -> None:
    response = client.get("/unreachable")

    assert_problem(response, 503)
    assert int(response["Retry-After"]) >= 1


@pytest.mark.urls(__name__)
def test_a_server_error_is_500_without_details(client: Any) -> None:
    client.raise_request_exception = False

    body = assert_problem(client.get("/broken"), 500)

    assert "a server error" not in str(body)
