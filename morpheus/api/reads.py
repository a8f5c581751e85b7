"""What a list reads, declared once: the view, pagination, system checks and tools use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.request import Request

from morpheus.cache.cached_reads import VisibleValue
from morpheus.cache.policies import CachePolicy

# The largest value of a bigint column, so the largest primary key.
BIGINT_MAX = 2**63 - 1

# What `parse_id_of` takes.
ID_PATTERN = "[1-9][0-9]{0,17}"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows of a list a request reads.

    Attributes:
        reader_id: The caller, if the rows are visible to the caller alone; None if they are public.
        parent_id: The primary key in the URL of the entity that the list belongs to; 0 if none.
    """

    reader_id: int | None = None
    parent_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFilter:
    """A query parameter that compares one column for equality.

    Attributes:
        column: A field of the listed model.
        description: For the OpenAPI document.
        parse: Returns the value to compare; raises ValidationError.
        own: The value that selects the caller's own rows, of every visibility, such as `me`.
        narrow: Applies the filter, if it needs another condition than the column's.
        pattern: A regular expression of the values beside `own`, for the OpenAPI document.
    """

    column: str
    description: str
    parse: Callable[[str], Any] = str
    own: str | None = None
    narrow: Callable[[Any, Any], Any] | None = None
    pattern: str = ""

    def narrow_rows(self, rows: QuerySet[Any], value: Any) -> QuerySet[Any]:
        """Return the rows that have a value of `parse`."""
        return self.narrow(rows, value) if self.narrow else rows.filter(**{self.column: value})


class PageRows(NamedTuple):
    """The rows of one page.

    Attributes:
        columns: The columns of a row; the primary key is the first one.
    """

    rows: list[Sequence[Any]]
    columns: tuple[str, ...]
    scope: Scope

    @property
    def keys(self) -> list[Any]:
        """The primary keys."""
        return [row[0] for row in self.rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRows:
    """How one statement reads a page with all that it shows, while the cache is not usable.

    The cache has the page, and what it shows, in parts that are invalidated on their own.

    Attributes:
        select: Returns the rows of a list, from those of `ListRead.rows` and the scope: with the
            tables of `columns`; of a parent's list those that the reader can see.
        columns: As of `ListRead`; of a parent's list with `is_public`, which all rows share.
        render: As of `ListRead`.
    """

    select: Callable[[Any, Scope], QuerySet[Any]]
    columns: tuple[str, ...]
    render: Callable[[PageRows, Request], list[Row]]


# Compared by identity, so that compiled pages can be looked up by it.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListRead:
    """A list: its rows, orderings, filters, caching and rendering.

    It is public, the same for every caller, except in three cases. It `is_private`, a filter can
    select the caller's own rows, and the rows of a `parent` are as visible as the parent.

    Attributes:
        rows: Returns the rows in a scope, before the filters. Its SQL depends on no value.
        orderings: Columns by the value of `?ordering=`; the first one is the default.
        policy: The cache policy of pages.
        tags: Returns the tags of a page, from the scope, the columns compared for equality with
            their values, and the ordering columns without direction.
        render: Returns the results of a page.
        columns: What a row has beside its primary key and the ordering columns; of types that
            JSON has. `rows` selects the tables of columns such as `image__width`.
        filters: By query parameter. One filter is served with any ordering.
        filter_pairs: Filters that are served together, in the default ordering.
        parent: Returns the parent that a caller can see, from its primary key and the caller's.
        is_private: Whether its rows are always the caller's own.
        whole: Its pages while the cache is not usable.
        is_whole: Whether its pages are those, which are never cached.
        kept_count: Returns the number of public rows under filters, if it is kept: 1 query.
    """

    rows: Callable[[Scope], QuerySet[Any]]
    orderings: Mapping[str, tuple[str, ...]]
    policy: CachePolicy
    tags: Callable[[Scope, Mapping[str, Any], Sequence[str]], list[str]]
    render: Callable[[PageRows, Request], list[Row]]
    columns: tuple[str, ...] = ()
    filters: Mapping[str, ListFilter] = field(default_factory=dict)
    filter_pairs: tuple[frozenset[str], ...] = ()
    parent: Callable[[int, int | None], VisibleValue] | None = None
    is_private: bool = False
    whole: WholeRows | None = None
    is_whole: bool = False
    kept_count: Callable[[Mapping[str, Any]], int | None] | None = None

    @property
    def default_ordering(self) -> str:
        return next(iter(self.orderings))

    def is_own(self, params: Mapping[str, str]) -> bool:
        """Tell whether the rows are the caller's own, with these parameters."""
        return self.is_private or any(
            params.get(name) == each.own for name, each in self.filters.items() if each.own
        )

    def scope(self, params: Mapping[str, str], reader_id: int | None, parent_id: int = 0) -> Scope:
        """Return which rows a caller reads.

        Raises:
            NotAuthenticated: An anonymous caller selects their own rows.
            Http404: There is no such parent, or the caller cannot see it.
        """
        if self.parent is not None:
            parent, is_public = self.parent(parent_id, reader_id)
            if parent is None:
                raise Http404
            return Scope(None if is_public else reader_id, parent_id)
        if not self.is_own(params):
            return Scope()
        if reader_id is None:
            raise NotAuthenticated
        return Scope(reader_id)

    def parse_filters(self, params: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of the filters among the parameters, without the caller's own rows.

        Raises:
            ValidationError: A value is malformed, or no index serves the combination.
        """
        texts = {name: params[name] for name in self.filters if name in params}
        self._refuse_unserved(frozenset(texts), params)
        return {
            name: self.filters[name].parse(text)
            for name, text in texts.items()
            if text != self.filters[name].own
        }

    def _refuse_unserved(self, names: frozenset[str], params: Mapping[str, str]) -> None:
        default = self.default_ordering
        in_default_order = params.get("ordering", default) == default
        if len(names) <= 1 or (names in self.filter_pairs and in_default_order):
            return
        served = [f"one of {', '.join(self.filters)} with any ordering"]
        served += [
            f"{' with '.join(sorted(pair))} in the ordering {default}" for pair in self.filter_pairs
        ]
        message = f"This combination is not served; served are {'; '.join(served)}."
        raise ValidationError(message, "unserved_combination")


@lru_cache(maxsize=100)
def list_whole_rows(read: ListRead) -> ListRead | None:
    """Return the list of `WholeRows`, if they are declared."""
    if (whole := read.whole) is None:
        return None
    return replace(
        read,
        rows=lambda scope: whole.select(read.rows(scope), scope),
        columns=whole.columns,
        render=whole.render,
        is_whole=True,
    )


def order_by(*names: str) -> dict[str, tuple[str, str]]:
    """Return orderings by one column each; the primary key, in the same direction, breaks ties."""
    return {name: (name, "-id" if name.startswith("-") else "id") for name in names}


def parse_id_of(parameter: str) -> Callable[[str], int]:
    """Return a parser of primary keys for a query parameter of this name.

    The parser raises ValidationError for a text that is not a whole number above 0 that a bigint
    holds, or that has leading zeros.
    """

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and text[0] != "0"):
            raise ValidationError({parameter: ["Give a whole number."]})
        return int(text)

    return parse
