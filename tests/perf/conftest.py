"""What tests of statistics start from."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from tests.conftest import administrator_url


@pytest.fixture
def fresh_statements(db: None) -> None:
    """Let pg_stat_statements know nothing of this worker's database."""
    forget = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = %s"
    with psycopg.connect(administrator_url(), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        admin.execute(forget, [connection.settings_dict["NAME"]])
