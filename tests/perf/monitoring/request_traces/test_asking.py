"""Staff ask what a request did, and are told; nobody else is, and nobody's values are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from morpheus.tracing import FinishedRequest
from perf.monitoring.budgets import budgets
from perf.monitoring.request_traces import choosing
from tests.conftest import PASSWORD
from users.tokens import token_digest

URL = "/api/v1/perf/requests/"

# Within a transaction nothing is cached.
cached = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(make_user, as_user):
    return as_user(make_user("staff", is_staff=True))


@pytest.fixture
def explained(staff):
    """Make a request as staff who ask, and return its record."""

    def ask(method, url, **options):
        answer = getattr(staff, method)(url, headers={"X-Explain": "1"}, **options)
        found = staff.get(f"{URL}{answer['X-Request-ID']}/")
        assert found.status_code == 200, found.content
        return found.json()

    return ask


def newest(staff):
    return staff.get(URL).json()["results"]


def test_a_request_is_explained_to_staff_who_ask(explained, make_novels):
    [novel] = make_novels()

    said = explained("get", f"/api/v1/novels/{novel.pk}/")

    assert (said["route"], said["status"]) == ("GET /novels/{novel_id}/", 200)
    assert said["is_asked"] and not said["is_kept_answer"]
    assert said["ms"] >= said["database_ms"] > 0
    card = next(one for one in said["statements"] if "novels_genre" in one["sql"])
    assert (card["kind"], card["rows"], card["alias"]) == ("join", 1, "default")
    assert card["budget_ms"] == 50
    names = {node["Relation Name"] for node in nodes(card["plan"]) if "Relation Name" in node}
    assert "novels_novel" in names


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@cached
def test_hits_and_misses_are_told_with_their_keys_and_tags(explained, make_novels):
    [novel] = make_novels()
    url = f"/api/v1/novels/{novel.pk}/"

    cold, warm = explained("get", url)["cache"], explained("get", url)["cache"]

    [missed] = [one for one in cold if (one["policy"], one["outcome"]) == ("novels.card", "miss")]
    assert (missed["keys"], missed["tags"]) == ([str(novel.pk)], [f"novel:{novel.pk}"])
    assert {one["outcome"] for one in warm} == {"hit"}
    assert "novels.card" in {one["policy"] for one in warm}


@cached
def test_what_depends_on_several_tags_names_all(explained, make_novels, make_chapters):
    [novel] = make_novels()
    make_chapters(novel, "Once upon a time.")

    said = explained("get", f"/api/v1/novels/{novel.pk}/chapters/1/")

    assert {f"novel:{novel.pk}/access", f"chapters:{novel.pk}"} <= set(said["tags"])


@cached
def test_a_warm_request_may_ask_nothing(explained, make_novels):
    make_novels(3)

    explained("get", "/api/v1/novels/")
    warm = explained("get", "/api/v1/novels/")["verdict"]

    assert (warm["queries"], warm["queries_budget"]) == (0, 0)
    assert warm["is_within_budget"] is True
    assert warm["breaches"] == []


def test_what_breaks_the_budget_is_said_in_sentences(explained, make_novels, monkeypatch):
    [novel] = make_novels()
    route = "GET /novels/{novel_id}/"
    tight = replace(budgets().routes[route], queries_cold=0, p99_ms=0.0)
    monkeypatch.setitem(budgets().routes, route, tight)

    verdict = explained("get", f"/api/v1/novels/{novel.pk}/")["verdict"]

    assert verdict["is_within_budget"] is False
    assert any("0 are allowed with a cold cache" in said for said in verdict["breaches"])
    assert any("99 in 100 must take less than 0 ms" in said for said in verdict["breaches"])


@cached
def test_a_write_is_explained_with_the_plan_that_it_would_have(explained):
    said = explained("patch", "/api/v1/users/me/", data={"bio": "Reads."})

    [write] = [one for one in said["statements"] if one["sql"].startswith("UPDATE")]
    assert (write["kind"], write["rows"]) == ("write", 1)
    assert write["plan"]["Node Type"] == "ModifyTable"
    assert "commit" in {one["kind"] for one in said["statements"]}


def test_explaining_runs_nothing_again(explained, staff):
    explained("patch", "/api/v1/users/me/", data={"bio": "First."})
    staff.patch("/api/v1/users/me/", {"bio": "Second."})

    assert staff.get("/api/v1/users/me/").json()["bio"] == "Second."


def test_no_value_of_a_request_is_kept(explained, make_novels):
    make_novels(1, author="Mysterious Stranger", title="Unheard-of Title")

    url = "/api/v1/search/?q=mysterious+OR+unheard-of"
    for said in (
        explained("get", url),
        explained("get", "/api/v1/novels/?author=Mysterious+Stranger"),
        explained("patch", "/api/v1/users/me/", data={"bio": "A mysterious gentleman."}),
    ):
        assert said["statements"]
        text = str(said).lower()
        for word in ("mysterious", "stranger", "unheard", "gentleman", "staff@example.org"):
            assert word not in text


@cached
def test_a_token_is_never_shown_nor_its_digest(explained, staff):
    said = explained("get", "/api/v1/users/me/")

    secret = staff._credentials["HTTP_AUTHORIZATION"].split()[1]
    assert secret not in str(said)
    assert token_digest(secret).hex() not in str(said)
    [token] = [one for one in said["cache"] if one["policy"] == "users.token"]
    assert token["keys"][0].startswith("#")
    assert token["tags"][0].startswith("token:#")


@pytest.mark.django_db
def test_what_is_asked_of_a_session_is_explained_too(client, make_user):
    make_user("clerk", is_staff=True)
    client.login(username="clerk@example.org", password=PASSWORD)

    client.get("/api/v1/users/me/", headers={"X-Explain": "1"})

    [kept] = client.get(URL).json()["results"]
    assert (kept["route"], kept["is_asked"]) == ("GET /users/me/", True)


def test_who_is_no_staff_gets_no_explanation(api, as_user, make_user, staff):
    reader = as_user(make_user("reader"))
    answers = [who.get("/api/v1/users/me/", headers={"X-Explain": "1"}) for who in (api, reader)]

    assert newest(staff) == []
    for answer in answers:
        for url in (URL, f"{URL}{answer['X-Request-ID']}/"):
            assert api.get(url).status_code == 401
            assert reader.get(url).status_code == 403


def test_an_unknown_id_is_not_found(staff):
    for identifier in ("0" * 32, "nothing", "%00", "a" * 500):
        assert staff.get(f"{URL}{identifier}/").status_code == 404


def test_staff_see_what_others_asked_for(staff, api, make_novels, settings, monkeypatch):
    monkeypatch.setattr(choosing, "_last_at", float("-inf"))
    settings.MORPHEUS_EXPLAIN_PERCENT = 100
    api.get("/api/v1/novels/")
    settings.MORPHEUS_EXPLAIN_PERCENT = 0

    [kept] = newest(staff)

    assert (kept["route"], kept["user_id"], kept["is_asked"]) == ("GET /novels/", None, False)
    assert staff.get(f"{URL}{kept['id']}/").json()["statements"]


def test_of_ordinary_traffic_one_a_second_is_enough(staff, api, make_novels, settings, monkeypatch):
    monkeypatch.setattr(choosing, "_last_at", float("-inf"))
    monkeypatch.setattr(choosing, "PAUSE_S", 60)
    settings.MORPHEUS_EXPLAIN_PERCENT = 100
    for _ in range(5):
        api.get("/api/v1/novels/")
    settings.MORPHEUS_EXPLAIN_PERCENT = 0

    assert len(newest(staff)) == 1


def test_an_id_that_a_client_chose_again_hides_nothing(staff, make_novels):
    [novel] = make_novels()
    chosen = {"X-Explain": "1", "X-Request-ID": "chosen-by-a-client"}
    staff.get(f"/api/v1/novels/{novel.pk}/", headers=chosen)
    staff.get("/api/v1/users/me/", headers=chosen)

    second, first = newest(staff)

    assert first["id"] != second["id"]
    by_request = staff.get(f"{URL}chosen-by-a-client/").json()
    assert (by_request["route"], by_request["others"]) == ("GET /users/me/", [first["id"]])
    assert staff.get(f"{URL}{first['id']}/").json()["route"] == "GET /novels/{novel_id}/"


def test_an_id_that_is_another_records_own_does_not_hide_it(staff):
    staff.get("/api/v1/users/me/", headers={"X-Explain": "1"})
    [kept] = newest(staff)

    hostile = {"X-Explain": "1", "X-Request-ID": kept["id"]}
    staff.get("/api/v1/novels/", headers=hostile)

    assert staff.get(f"{URL}{kept['id']}/").json()["route"] == "GET /users/me/"


def test_the_list_is_walked_to_its_end_and_back(staff):
    for _ in range(5):
        staff.get("/api/v1/users/me/", headers={"X-Explain": "1"})

    first = staff.get(f"{URL}?page_size=2").json()
    second = staff.get(first["next"]).json()
    third = staff.get(second["next"]).json()

    pages = [first, second, third]
    ids = [one["id"] for page in pages for one in page["results"]]
    assert len({*ids}) == 5
    assert ids == [one["id"] for one in newest(staff)]
    assert third["next"] is None
    assert staff.get(third["previous"]).json()["results"] == second["results"]
    assert staff.get(f"{URL}?page_size=0").status_code == 400
    assert staff.get(f"{URL}?cursor=x").status_code == 400


def test_without_the_cache_server_requests_are_answered_and_asking_is_503(
    staff, settings, monkeypatch
):
    from morpheus.cache.circuit_breaker import CircuitBreaker
    from morpheus.cache.redis_client import RedisClient
    from perf.monitoring.request_traces import ring as module

    away = RedisClient(
        "redis://127.0.0.1:1/0", timeout_s=0.1, breaker=CircuitBreaker(cool_down_s=60)
    )
    nowhere = module.Ring(away)
    monkeypatch.setattr("perf.monitoring.request_traces.writing.ring", lambda: nowhere)
    monkeypatch.setattr("perf.monitoring.request_traces.views.ring", lambda: nowhere)

    answer = staff.get("/api/v1/users/me/", headers={"X-Explain": "1"})
    asked = staff.get(URL)

    assert answer.status_code == 200
    assert (asked.status_code, asked["Retry-After"]) == (503, "1")


def test_an_observer_that_cannot_explain_does_not_fail_the_request(staff, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("perf.monitoring.request_traces.writing.record_of", fail)

    assert staff.get("/api/v1/users/me/", headers={"X-Explain": "1"}).status_code == 200
    assert newest(staff) == []
    assert "could not be explained" in caplog.text


@cached
def test_an_answer_that_was_kept_is_told_apart(visitor, make_novels, staff, settings, monkeypatch):
    [novel] = make_novels()
    url = f"/api/v1/novels/{novel.pk}/"
    settings.MORPHEUS_EXPLAIN_PERCENT = 100
    for _ in range(2):
        monkeypatch.setattr(choosing, "_last_at", float("-inf"))
        visitor.get(url)
    settings.MORPHEUS_EXPLAIN_PERCENT = 0

    kept, made = newest(staff)

    assert (kept["is_kept_answer"], made["is_kept_answer"]) == (True, False)
    assert (kept["route"], kept["queries"]) == (made["route"], 0)


@cached
def test_who_asks_is_answered_anew_and_strangers_who_ask_are_not(visitor, make_novels, staff):
    [novel] = make_novels()
    url = f"/api/v1/novels/{novel.pk}/"
    bearer = staff._credentials["HTTP_AUTHORIZATION"]
    visitor.get(url)

    assert visitor.get(url, HTTP_X_EXPLAIN="1").was_kept
    assert not visitor.get(url, HTTP_X_EXPLAIN="1", HTTP_AUTHORIZATION=bearer).was_kept
    [kept] = newest(staff)
    assert not kept["is_kept_answer"]


def test_a_request_that_nobody_asks_about_is_not_offered(monkeypatch):
    offered = []
    monkeypatch.setattr(choosing, "offer", lambda answer, is_asked: offered.append(answer))

    choosing.answered(FinishedRequest("GET /x/", 200, 0.1, "an-id-of-it"))

    assert offered == []
