"""The floor of free space, and a full disk of PostgreSQL."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from morpheus.http import disk_space
from morpheus.http.disk_space import has_free_space, is_disk_full

# A real error of the server, of the class that it reports when it cannot extend a file.
FULL = "DO $$ BEGIN RAISE disk_full USING MESSAGE = 'could not extend file'; END $$"
ME = "/api/v1/users/me/"


def fail_with_full_disk(*args: Any, **kwargs: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FULL)


def test_free_space_below_the_floor_is_no_room(settings: Any, tmp_path: Path) -> None:
    free = disk_space.read_free_bytes(tmp_path)
    settings.MORPHEUS_FREE_SPACE_BYTES = 0
    assert has_free_space()

    settings.MORPHEUS_FREE_SPACE_BYTES = 1000 * free

    assert not has_free_space()


def test_the_fullest_file_system_counts(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.MORPHEUS_FREE_SPACE_BYTES = 1024
    free = {"uploads": 4096, "images": 1000, "temporary": 4096}
    monkeypatch.setattr(disk_space, "_folders", lambda: dict(zip(free, free, strict=True)))
    monkeypatch.setattr(disk_space, "read_free_bytes", free.__getitem__)

    assert not has_free_space()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_from_other_errors(number: Any) -> None:
    assert is_disk_full(OSError(number, "full"))
    assert not is_disk_full(OSError(errno.EACCES, "not allowed"))
    assert not is_disk_full(OperationalError("the connection was lost"))
    assert not is_disk_full(None)


def test_a_write_to_a_full_database_is_507(
    as_user: Any, make_user: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = as_user(make_user("ann"))
    monkeypatch.setattr("users.views.profile.user_update", fail_with_full_disk)

    response = client.patch(ME, {"bio": "Short."}, format="json")

    assert response.status_code == 507
    assert response["Content-Type"] == "application/problem+json"
    assert "database's disk is full" in response.json()["detail"]
    (line,) = [record.getMessage() for record in caplog.records if "507" in record.getMessage()]
    assert "PATCH /users/me/" in line and "could not extend file" in line


def test_a_read_that_finds_the_disk_full_may_be_tried_again(
    as_user: Any, make_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_user(make_user("ann"))
    monkeypatch.setattr("users.models.User.objects.account", fail_with_full_disk)

    response = client.get(ME)

    assert response.status_code == 503
    assert response["Retry-After"]


@pytest.mark.parametrize(
    ("status", "raised"), [(507, OSError(errno.ENOSPC, "full")), (500, OSError())]
)
def test_a_full_disk_outside_of_the_api_is_507(rf: Any, status: Any, raised: Any) -> None:
    from morpheus.http.errors import server_error

    try:
        raise raised
    except OSError:
        assert server_error(rf.post("/admin/")).status_code == status
