"""Pages of joined rows, found before they are joined."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable


class FoundRows(BaseTable):
    """Rows that a subquery gives, in the place and under the name of the table they are from.

    `FROM (SELECT … FROM "novel" … LIMIT 21) "novel" JOIN …`, for which Django has no form.
    """

    def __init__(self, table_name: str, alias: str | None, rows: Query) -> None:
        super().__init__(table_name, alias)
        self.rows = rows

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        sql, params = compiler.compile(self.rows)
        return f"{sql} {compiler.quote_name_unless_alias(self.table_alias)}", params

    def relabeled_clone(self, change_map: dict[str | None, str]) -> FoundRows:
        alias = change_map.get(self.table_alias, self.table_alias)
        return FoundRows(self.table_name, alias, self.rows)


def found_first(rows: QuerySet[Any], count: int) -> QuerySet[Any]:
    """Return the first `count` of ordered rows, found by their own table alone, then joined.

    Of rows that it believes to be few, the planner joins all and sorts them, whatever the limit:
    an owner with 500 comics would cost a thousand buffers a page. Where nothing is joined, or a
    filter already needs the join, it is the plain query.
    """
    if not rows.query.select_related or not reads_one_table(rows):
        return rows[:count]
    # All columns: those that nothing outside asks for are not even unpacked.
    found = rows.select_related(None).prefetch_related(None).defer(None)[:count].query
    found.subquery = True
    joined = rows.all()
    query = joined.query
    # What is found is all there is; a condition said again would be one more way to go wrong.
    query.clear_where()
    alias = query.get_initial_alias()
    query.alias_map[alias] = FoundRows(query.alias_map[alias].table_name, alias, found)
    return joined


def reads_one_table(rows: QuerySet[Any]) -> bool:
    """Tell whether filters, ordering and annotations join, group and merge nothing."""
    query = rows.query
    tables = [alias for alias, uses in query.alias_refcount.items() if uses]
    return (
        len(tables) <= 1
        and query.group_by is None
        and not (query.distinct or query.combinator or query.is_sliced or query.extra_tables)
        and not query.get_meta().parents
    )
