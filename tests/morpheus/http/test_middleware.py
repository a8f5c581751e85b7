"""What every request gets, and how errors look."""

from __future__ import annotations

import re

import pytest
from django.db import OperationalError
from django.urls import path

from tests.pages import written_into


def unreachable(request):
    raise OperationalError("connection refused")


def broken(request):
    raise RuntimeError("a fault of ours")


urlpatterns = [path("unreachable", unreachable), path("broken", broken)]
handler500 = "morpheus.http.errors.server_error"


def assert_problem(response, status):
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert {"type", "title", "status", "detail"} <= body.keys()
    assert body["status"] == status
    return body


def test_every_answer_has_an_id_and_its_timing(client):
    first, second = client.get("/healthz"), client.get("/nowhere")

    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert re.fullmatch(r'db;desc="0 queries";dur=0\.00, cache;desc="miss"', first["Server-Timing"])
    assert second["Server-Timing"] == 'db;desc="withheld";dur=0, cache;desc="withheld"'


@pytest.mark.django_db
def test_the_timing_counts_the_queries(client):
    client.get("/readyz")

    assert 'db;desc="1 queries";dur=' in client.get("/readyz")["Server-Timing"]


def test_an_id_from_outside_is_kept_only_if_it_is_harmless(client):
    def answered(given):
        return client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]

    assert answered("trace-0123456789") == "trace-0123456789"
    for hostile in ("short", "a" * 65, "evil\nline-of-log", "<script>alert(1)</script>"):
        assert answered(hostile) != hostile


def test_an_invented_method_is_refused_before_anything_counts_it(client):
    answer = client.generic("FOO1", "/healthz")

    assert_problem(answer, 405)
    assert "GET" in answer["Allow"]


def test_a_body_of_unknown_length_is_refused_and_not_taken_for_an_empty_one(client):
    answer = client.post(
        "/api/v1/users/", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH=""
    )

    assert "Content-Length" in assert_problem(answer, 411)["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["zlib", "utf-16", "rot13", "x" * 99])
def test_a_charset_that_no_client_needs_does_no_harm(client, charset):
    kind = f"application/json; charset={charset}"

    assert client.get("/api/v1/novels/?author=%C3%A9", content_type=kind).status_code == 200


def test_a_query_string_that_is_refused_unread_has_an_id_like_every_answer(client):
    answer = client.get("/api/v1/novels/?" + "a=1&" * 3000)

    assert_problem(answer, 400)
    assert answer["X-Request-ID"] and answer["Server-Timing"]


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/api/v1/novels/", "/api/v1/schema/", "/healthz"])
def test_head_has_the_etag_of_get_and_is_answered_304_by_it(client, url):
    etag = client.get(url)["ETag"]

    assert client.head(url)["ETag"] == etag
    assert client.head(url, headers={"If-None-Match": etag}).status_code == 304
    assert client.head(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_document_may_be_kept_by_everyone_and_the_page_by_its_reader(client):
    assert client.get("/api/v1/schema/")["Cache-Control"] == "public, no-cache"
    assert client.get("/api/v1/docs/")["Cache-Control"] == "private, no-cache"


def test_the_documentation_page_asks_no_validator_elsewhere(client):
    assert '"validatorUrl": null' in client.get("/api/v1/docs/?script=").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/api/v1/docs/", "/admin/login/", "/admin/nothing/"])
def test_a_page_runs_no_script_that_is_written_into_it_and_no_other_site_shows_it(client, url):
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


def test_json_is_as_long_as_without_a_policy(client):
    assert "Content-Security-Policy" not in client.get("/healthz")


def test_pages_for_developers_keep_their_own_style(client, settings):
    settings.DEBUG = True

    page = client.get("/nothing")

    assert page["Content-Type"].startswith("text/html")
    assert "Content-Security-Policy" not in page


@pytest.mark.parametrize("url", ["/api/v1/schema/", "/api/v1/docs/"])
def test_a_problem_is_json_whatever_the_view_answers_otherwise(client, url):
    assert_problem(client.post(url), 405)
    assert_problem(client.get(url, headers={"Accept": "image/png"}), 406)


def test_unknown_urls_are_problems(client):
    assert_problem(client.get("/api/v1/nothing/"), 404)
    assert_problem(client.get("/nothing"), 404)


@pytest.mark.parametrize("url", ["/", "/api/v1/"])
def test_who_does_not_know_where_to_go_is_shown_the_documentation(client, url):
    assert client.get(url)["Location"] == "/api/v1/docs/"


@pytest.mark.django_db
def test_both_forms_of_a_get_work_and_a_post_is_never_redirected(client):
    assert client.get("/api/v1/schema").status_code == 200
    assert client.get("/api/v1/schema/").status_code == 200
    assert client.get("/admin").status_code == 301
    assert client.post("/api/v1/users", {}).status_code == 404


@pytest.mark.urls(__name__)
def test_a_lost_database_is_503_and_says_when_to_come_back(client):
    answer = client.get("/unreachable")

    assert_problem(answer, 503)
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.urls(__name__)
def test_a_fault_of_ours_is_500_and_shows_nothing_of_itself(client):
    client.raise_request_exception = False

    body = assert_problem(client.get("/broken"), 500)

    assert "a fault of ours" not in str(body)
