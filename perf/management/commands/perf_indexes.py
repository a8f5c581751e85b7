"""Show missing, duplicate and unused indexes, and sequentially scanned tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.monitoring.dashboard.formatting import format_age, format_bytes, format_number
from perf.monitoring.statistics import indexes
from perf.monitoring.statistics.limited_queries import StatisticsUnavailable


class Command(BaseCommand):
    help = (
        "Show foreign keys without an index, sequential scans of large tables, duplicate indexes "
        "and unused indexes, as the dashboard does. Changes nothing."
    )

    def handle(self, **options: Any) -> None:
        try:
            for heading, lines in (
                ("Foreign keys without an index", list(_foreign_keys())),
                ("Sequential scans of large tables", list(_sequential_scans())),
                ("Duplicate indexes", list(_duplicates())),
                ("Unused indexes", list(_list_unused())),
            ):
                self.stdout.write(heading)
                for line in lines or ["none"]:
                    self.stdout.write(f"  {line}")
        except StatisticsUnavailable as error:
            raise CommandError(str(error)) from error


def _foreign_keys() -> Iterator[str]:
    for key in indexes.unindexed_foreign_keys():
        yield (
            f"{key.table} ({', '.join(key.columns)}): a deletion in {key.references} scans "
            f"{format_number(max(0, key.rows))} rows, ON DELETE {key.on_delete}"
        )


def _sequential_scans() -> Iterator[str]:
    for table in indexes.sequential_scans():
        yield (
            f"{table.table}: {format_number(table.scans)} scans read "
            f"{format_number(table.rows_read)} rows; {format_number(table.index_scans)} index scans"
        )


def _duplicates() -> Iterator[str]:
    for index in indexes.duplicate_indexes():
        yield f"{index.index}, {format_bytes(index.size_bytes)}: {index.covered_by} covers it"


def _list_unused() -> Iterator[str]:
    since = indexes.statistics_since()
    counted = f"for {format_age(since)}" if since else "since the database was created"
    for index in indexes.unused_indexes(indexes.list_indexes()):
        yield f"{index.index} on {index.table}, {format_bytes(index.size_bytes)}: no scan {counted}"
