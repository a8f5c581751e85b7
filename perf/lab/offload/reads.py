"""The reading requests of the mix, one function each: what a visit asks for."""

from __future__ import annotations

from urllib.parse import quote

from .visit import Request, Visit

NOVEL_ORDERINGS = ["created_at", "title", "-title", "word_count", "-word_count"]


def novels_first_page(visit: Visit) -> Request:
    return visit.get(f"/novels/{_novels_query(visit)}", listing="novels")


def novels_next_page(visit: Visit) -> Request:
    return visit.get("/novels/", listing="novels", goes_on=True)


def novel(visit: Visit) -> Request:
    return visit.get(f"/novels/{visit.of.popular(visit.of.read, visit.draw).id}/")


def chapter_list(visit: Visit) -> Request:
    return visit.get(f"/novels/{visit.of.popular(visit.of.read, visit.draw).id}/chapters/")


def chapter_text(visit: Visit) -> Request:
    read = visit.of.popular(visit.of.read, visit.draw)
    # Many begin a book, few end it.
    number = 1 + int(visit.draw() ** 2 * read.chapters)
    return visit.get(f"/novels/{read.id}/chapters/{number}/")


def public_status(visit: Visit) -> Request:
    return visit.get(f"/novels/{visit.of.popular(visit.of.read, visit.draw).id}/status/")


def comics_first_page(visit: Visit) -> Request:
    query = "" if visit.draw() < 0.8 else "?ordering=title"
    return visit.get(f"/comics/{query}", listing="comics")


def comics_of_novel(visit: Visit) -> Request:
    return visit.get(f"/comics/?novel={visit.of.popular(visit.of.read, visit.draw).id}")


def comics_next_page(visit: Visit) -> Request:
    return visit.get("/comics/", listing="comics", goes_on=True)


def comic(visit: Visit) -> Request:
    return visit.get(f"/comics/{visit.of.popular(visit.of.comics, visit.draw).id}/")


def panels(visit: Visit) -> Request:
    return visit.get(f"/comics/{visit.of.popular(visit.of.comics, visit.draw).id}/panels/")


def thumbnail(visit: Visit) -> Request:
    shown = visit.of.popular(visit.of.comics, visit.draw)
    return visit.get(f"/comics/{shown.id}/thumbnail/?size=medium&v={shown.version}")


def search(visit: Visit) -> Request:
    return visit.get(f"/search/?q={quote(visit.of.popular(visit.of.queries, visit.draw))}")


def dashboard(visit: Visit) -> Request:
    return visit.get("/users/me/dashboard/")


def profile(visit: Visit) -> Request:
    return visit.get("/users/me/")


def own_novels(visit: Visit) -> Request:
    return visit.get("/novels/?owner=me")


def own_comics(visit: Visit) -> Request:
    return visit.get("/comics/?owner=me")


def own_status(visit: Visit) -> Request:
    waited = visit.of.popular(visit.of.unfinished, visit.draw)
    return visit.get(f"/novels/{waited.id}/status/", reader=waited.owner)


def own_private_novel(visit: Visit) -> Request:
    own = visit.of.popular(visit.of.private, visit.draw)
    return visit.get(f"/novels/{own.id}/", reader=own.owner)


def own_private_chapter(visit: Visit) -> Request:
    own = visit.of.popular(visit.of.private, visit.draw)
    number = 1 + int(visit.draw() * own.chapters)
    return visit.get(f"/novels/{own.id}/chapters/{number}/", reader=own.owner)


def _novels_query(visit: Visit) -> str:
    """Half of all see the plain list, the others choose a filter or an ordering."""
    kind, draw, of = visit.draw(), visit.draw, visit.of
    if kind < 0.5:
        return ""
    if kind < 0.7:
        return f"?genre={of.popular(of.genres, draw)}"
    if kind < 0.78:
        return f"?language={of.popular(of.languages, draw)}"
    if kind < 0.83:
        return f"?genre={of.popular(of.genres, draw)}&language={of.popular(of.languages, draw)}"
    if kind < 0.88:
        return f"?author={quote(of.popular(of.authors, draw))}"
    if kind < 0.92:
        return f"?owner={of.popular(of.members, draw)}"
    return f"?ordering={of.popular(NOVEL_ORDERINGS, draw)}"
