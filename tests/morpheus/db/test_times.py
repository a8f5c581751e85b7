"""Times of rows as the API shows them, without a datetime in between."""

from __future__ import annotations

from datetime import datetime

import psycopg
import pytest
from django.db import connection

from morpheus.db.postgresql.times import TimeTextLoader, format_time

pytestmark = pytest.mark.django_db

TIMES = [
    "2026-11-30 05:01:12.375734+00",
    "2026-11-30 05:01:12.37573+00",
    "2026-11-30 05:01:12.3+00",
    "2026-11-30 05:01:12+00",
    "2026-01-01 00:00:00.000001+00",
    "0001-01-01 00:00:00+00",
    "9999-12-31 23:59:59.999999+00",
]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
@pytest.mark.parametrize("text", TIMES)
def test_a_time_is_shown_as_its_datetime_would_be(text: str, zone: str) -> None:
    if zone != "UTC" and text.startswith(("0001", "9999")):
        text = TIMES[0]  # Python has no such year in other zones.
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [zone])
        with psycopg.Cursor(connection.connection) as reader:
            reader.adapters.register_loader("timestamptz", TimeTextLoader)
            [(shown,)] = reader.execute("SELECT %s::timestamptz", [text]).fetchall()

    assert shown == format_time(datetime.fromisoformat(text))


@pytest.mark.parametrize("text", ["10000-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"])
def test_a_time_that_python_does_not_have_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        TimeTextLoader(0).load(text.encode())
