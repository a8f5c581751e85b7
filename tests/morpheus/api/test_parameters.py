"""A request takes the query parameters of its view, each once, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

API = "/api/v1/"
NOVELS = f"{API}novels/"
METHODS = ("get", "head", "options", "post", "put", "patch", "delete")
# Parameters of paths that are whole numbers.
NUMBERS = ("user_id", "novel_id", "comic_id", "panel_id", "token_id", "export_id", "number")


def urls() -> Iterator[str]:
    """Return a URL of each route of the API, but of the redirect to its documentation."""
    [api] = [each for each in get_resolver().url_patterns if str(each.pattern) == "api/v1/"]
    assert isinstance(api, URLResolver)
    for pattern in api.url_patterns:
        path = str(pattern.pattern)
        for name in NUMBERS:
            path = path.replace(f"<int:{name}>", "1")
        path = path.replace("<str:identifier>", "1")
        if path:
            yield f"{API}{path}"


def refusals(response: Any) -> Any:
    """Return the error messages by parameter."""
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    return {name: " ".join(messages) for name, messages in response.json()["errors"].items()}


def query_parameters(client: Client) -> Any:
    """Return the parameters of each operation of the OpenAPI document, by URL and method."""
    document = client.get(f"{API}schema/", headers={"Accept": "application/json"}).json()
    return {
        (path, method): [
            each for each in operation.get("parameters", ()) if each.get("in") == "query"
        ]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


@pytest.mark.parametrize("method", METHODS)
def test_every_route_refuses_an_unknown_parameter_before_it_looks_anything_up(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, method: str
) -> None:
    for url in urls():
        with django_assert_num_queries(0):
            response = getattr(client, method)(f"{url}?surprise=1")
        # A method that the route does not have is refused as such.
        is_offered = (method if method != "head" else "get").upper() in response["Allow"]
        assert response.status_code == (400 if is_offered else 405), url
        if is_offered and method != "head":
            assert "Unknown parameter." in refusals(response)["surprise"]


def test_the_nearest_known_name_is_suggested(api: APIClient) -> None:
    assert refusals(api.get(f"{NOVELS}?pagesize=5")) == {
        "pagesize": "Unknown parameter. Did you mean `page_size`?"
    }
    assert refusals(api.get(f"{API}search/?q=the&langauge=en")) == {
        "langauge": "Unknown parameter. Did you mean `language`?"
    }


def test_without_a_near_name_all_are_listed(api: APIClient) -> None:
    known = (
        "`author`, `cursor`, `expand`, `fields`, `genre`, `language`, `ordering`, `owner`, `page`, "
        "`page_size`"
    )
    assert refusals(api.get(f"{NOVELS}?surprise=1")) == {
        "surprise": f"Unknown parameter. Known are {known}."
    }
    assert refusals(api.get(f"{API}comics/1/thumbnail/?surprise=1")) == {
        "surprise": "Unknown parameter. Known are `size`, `v`."
    }


@pytest.mark.parametrize("method", ["post", "patch", "delete"])
def test_routes_that_write_accept_no_parameter(
    as_user: Callable[..., APIClient], make_user: Callable[..., Any], method: str
) -> None:
    client = as_user(make_user())

    path = NOVELS if method == "post" else f"{API}users/me/"
    response = getattr(client, method)(f"{path}?page_size=5")

    assert refusals(response) == {"page_size": "Unknown parameter. This request takes none."}


def test_a_parameter_given_twice_is_refused_even_with_the_same_value(api: APIClient) -> None:
    once = "Give this parameter once."

    assert refusals(api.get(f"{NOVELS}?page_size=5&page_size=5")) == {"page_size": once}
    assert refusals(api.get(f"{NOVELS}?ordering=title&ordering=-title")) == {"ordering": once}
    assert refusals(api.get(f"{API}search/?q=a&q=b")) == {"q": once}


@pytest.mark.parametrize("query", ["%20page_size=5", "PAGE_SIZE=5", "page_size%00=5", "=5", "%FF"])
def test_a_name_counts_as_it_is_spelled(api: APIClient, query: str) -> None:
    assert len(refusals(api.get(f"{NOVELS}?{query}"))) == 1


def test_a_long_query_string_costs_little_work_and_gets_a_short_response(api: APIClient) -> None:
    names = "&".join(f"{'page_size' * 50}{number}=1" for number in range(60))

    assert len(refusals(api.get(f"{NOVELS}?{names}"))) == 5


def test_a_private_novel_and_an_absent_novel_refuse_alike(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
) -> None:
    owner, stranger = make_user(), make_user()
    (private,) = make_novels(1, owner=owner, is_public=False)

    for client in (api, as_user(stranger), as_user(owner)):
        bodies = {
            client.get(
                f"{NOVELS}{pk}/?surprise=1", headers={"X-Request-ID": "one-for-both"}
            ).content
            for pk in (private.pk, private.pk + 1)
        }
        assert len(bodies) == 1


def test_the_document_lists_the_parameters_that_the_views_take(
    client: Client, as_user: Callable[..., APIClient], make_user: Callable[..., Any]
) -> None:
    staff = as_user(make_user(is_staff=True))
    listed = query_parameters(client)

    for (path, method), parameters in listed.items():
        url = path
        for name in NUMBERS:
            url = url.replace(f"{{{name}}}", "1")
        response = getattr(staff, method)(f"{url.replace('{identifier}', 'x')}?surprise=1")
        names = sorted(each["name"] for each in parameters)
        known = ", ".join(f"`{name}`" for name in names)
        hint = f"Known are {known}." if names else "This request takes none."
        assert refusals(response) == {"surprise": f"Unknown parameter. {hint}"}, (path, method)


def test_the_document_says_that_others_are_refused(client: Client) -> None:
    document = client.get(f"{API}schema/", headers={"Accept": "application/json"}).json()

    assert "any other is refused (400)" in document["info"]["description"]


def test_the_document_describes_parameters_that_are_neither_filters_nor_pagination(
    client: Client,
) -> None:
    listed = query_parameters(client)

    [size, version] = listed[f"{API}comics/{{comic_id}}/thumbnail/", "get"]
    assert sorted(size["schema"]["enum"]) == ["large", "medium", "small"]
    assert (size["name"], version["name"]) == ("size", "v")
    search = {each["name"]: each for each in listed[f"{API}search/", "get"]}
    assert search["q"]["required"] and search["q"]["schema"]["maxLength"] == 200


@pytest.mark.parametrize("size", ["020", "+20", "%2020", "20%20", "%EF%BC%92%EF%BC%90", "2_0", ""])
def test_a_page_size_has_one_spelling(api: APIClient, size: str) -> None:
    assert "page_size" in refusals(api.get(f"{NOVELS}?page_size={size}"))


@pytest.mark.parametrize("pk", ["07", "0", "+7", "%207", "%EF%BC%97", "7_0"])
def test_an_id_has_one_spelling(api: APIClient, pk: str) -> None:
    assert "owner" in refusals(api.get(f"{NOVELS}?owner={pk}"))
    assert "novel" in refusals(api.get(f"{API}comics/?novel={pk}"))


def test_a_cursor_is_taken_only_as_it_was_given(
    api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(3)
    following = api.get(f"{NOVELS}?page_size=1").json()["next"]
    cursor = following.partition("cursor=")[2].partition("&")[0]
    value, _, signature = cursor.rpartition(".")

    for other in (
        *(f"{cursor}=", f"{cursor}%20", f"%20{cursor}", f"{cursor}A", f"{cursor}.", f".{cursor}"),
        *(f"{value}=.{signature}", f"{value}%0A.{signature}", cursor.swapcase(), cursor[:-1]),
    ):
        assert "cursor" in refusals(api.get(f"{NOVELS}?page_size=1&cursor={other}"))
    assert api.get(f"{NOVELS}?page_size=1&cursor={cursor}").status_code == 200


def test_links_hold_the_parameters_in_one_order_however_they_were_sent(
    api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(3, author="Mary Shelley")

    links = {
        api.get(f"{NOVELS}?{query}").json()["next"]
        for query in (
            "page_size=1&author=Mary+Shelley",
            "author=Mary%20Shelley&page_size=1",
            "&page%5Fsize=%31&&author=M%61ry+Shelley&",
        )
    }

    assert len(links) == 1
    names = [part.partition("=")[0] for part in links.pop().partition("?")[2].split("&")]
    assert names == ["author", "cursor", "page_size"]
