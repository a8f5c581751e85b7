"""Pictures are decoded in child processes with limits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from comics.images import sandboxed
from comics.images.sandboxed import picture_check, rendition_check
from comics.images.structure import ImageRefused
from morpheus.http.bulkhead import Bulkhead, Busy
from morpheus.sandbox import Unavailable, run_or_refuse
from tests.hostile_inputs import jpeg_of_scans
from tests.morpheus.sandbox import functions


@pytest.fixture
def no_bulkhead(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Take every place of the bulkhead."""
    bulkhead = Bulkhead(1, most_waiting=1, patience_s=0.01)
    monkeypatch.setattr(sandboxed, "decoding_bulkhead", lambda: bulkhead)
    with bulkhead.hold():
        yield


@pytest.fixture
def decoding_is(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Decode by another function."""
    return lambda function: monkeypatch.setattr(sandboxed, "picture_read", function)


def test_pictures_are_decoded_in_another_process(
    make_picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comics.images.decoding._read", lambda data: pytest.fail("decoded here"))

    picture = picture_check(make_picture(60, 80))

    assert (picture.width, picture.height) == (60, 80)


@pytest.mark.parametrize("module", ["comics.images.decoding", "novels.parsing"])
def test_the_fork_server_imports_what_its_children_run_without_settings(module: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}

    subprocess.run([sys.executable, "-c", f"import {module}"], env=environment, check=True)


def test_a_refusal_returns_its_message(settings: Any) -> None:
    with pytest.raises(ImageRefused, match="100 scans"):
        picture_check(jpeg_of_scans(1_000))

    settings.MORPHEUS_MAX_IMAGE_BYTES = 2 * 1024**2
    with pytest.raises(ImageRefused, match="At most 2 MB"):
        picture_check(b"x" * (2 * 1024**2 + 1))


def test_a_picture_that_takes_too_long_is_refused(settings: Any, decoding_is: Any) -> None:
    settings.MORPHEUS_PICTURE_TIMEOUT_S = 1
    decoding_is(functions.spin_on)

    with pytest.raises(ImageRefused, match="more than 1 s"):
        picture_check(b"data")


def test_a_picture_that_needs_too_much_memory_is_refused(settings: Any, make_picture: Any) -> None:
    settings.MORPHEUS_SANDBOX_MEMORY_BYTES = 64 * 1024**2

    with pytest.raises(ImageRefused, match="too much memory"):
        picture_check(make_picture(6_000, 6_000))


def test_a_picture_that_crashes_its_decoder_is_refused_and_logged(
    decoding_is: Any, caplog: pytest.LogCaptureFixture
) -> None:
    decoding_is(functions.segv)

    with pytest.raises(ImageRefused, match="broken"):
        picture_check(b"data")

    assert "SIGSEGV" in caplog.text


@pytest.mark.usefixtures("no_bulkhead")
def test_a_picture_without_a_free_slot_is_not_decoded(make_picture: Any, tmp_path: Path) -> None:
    with pytest.raises(Busy):
        picture_check(make_picture())
    with pytest.raises(Busy):
        rendition_check(tmp_path / "picture", "small")


def test_a_rendition_of_a_lost_file_differs_from_an_expensive_one(tmp_path: Path) -> None:
    path = tmp_path / "picture"

    with pytest.raises(FileNotFoundError):
        rendition_check(path, "small")

    path.write_bytes(jpeg_of_scans(1_000))
    with pytest.raises(ImageRefused):
        rendition_check(path, "small")


@pytest.mark.django_db
class TestOverHTTP:
    """The same, as clients see it."""

    @pytest.fixture
    def post(
        self, make_user: Any, as_user: Any, make_comics: Any, upload: Any, make_picture: Any
    ) -> Any:
        owner = make_user("ann")
        comic = make_comics(owner=owner)[0]
        url = f"/api/v1/comics/{comic.pk}/panels/"
        return lambda data=None: as_user(owner).post(
            url, upload(data or make_picture()), format="multipart"
        )

    def test_an_expensive_picture_is_400(self, post: Any) -> None:
        response = post(jpeg_of_scans(1_000))

        assert response.status_code == 400
        assert "100 scans" in response.json()["errors"]["image"][0]

    @pytest.mark.usefixtures("no_bulkhead")
    def test_a_picture_without_a_free_slot_is_503(self, post: Any) -> None:
        response = post()

        assert (response.status_code, response["Retry-After"]) == (503, "2")

    def test_where_no_child_can_be_started_it_is_503(
        self, post: Any, decoding_is: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unavailable(*args: Any, **kwargs: Any) -> None:
            raise Unavailable

        monkeypatch.setattr(sandboxed, "run_or_refuse", unavailable)

        assert post().status_code == 503

    @pytest.mark.usefixtures("no_bulkhead")
    def test_a_thumbnail_without_a_free_slot_is_503(
        self, api: APIClient, make_comics: Any, add_panel: Any
    ) -> None:
        comic = make_comics()[0]
        add_panel(comic)

        response = api.get(f"/api/v1/comics/{comic.pk}/thumbnail/")

        assert (response.status_code, response["Retry-After"]) == (503, "2")


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_a_picture_is_decoded(
    make_user: Any,
    as_user: Any,
    make_comics: Any,
    upload: Any,
    make_picture: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = make_user("ann")
    comic = make_comics(owner=owner)[0]
    really, open_before = run_or_refuse, []

    def watched(*args: Any, **kwargs: Any) -> Any:
        open_before.append(connection.in_atomic_block)
        return really(*args, **kwargs)

    monkeypatch.setattr(sandboxed, "run_or_refuse", watched)

    response = as_user(owner).post(
        f"/api/v1/comics/{comic.pk}/panels/", upload(make_picture()), format="multipart"
    )

    assert (response.status_code, open_before) == (201, [False])


@pytest.mark.django_db(transaction=True)
def test_a_comic_deleted_while_a_picture_is_decoded_is_404(
    make_user: Any,
    as_user: Any,
    make_comics: Any,
    upload: Any,
    make_picture: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = make_user("ann")
    comic = make_comics(owner=owner)[0]
    url = f"/api/v1/comics/{comic.pk}/"
    really = run_or_refuse

    def delete_and_run(*args: Any, **kwargs: Any) -> Any:
        assert as_user(owner).delete(url).status_code == 204
        return really(*args, **kwargs)

    monkeypatch.setattr(sandboxed, "run_or_refuse", delete_and_run)

    response = as_user(owner).post(f"{url}panels/", upload(make_picture()), format="multipart")

    assert response.status_code == 404


def test_two_pictures_at_a_time_are_decoded(
    make_picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, data = threading.Barrier(2, timeout=20), make_picture()

    def meet(*args: Any, **kwargs: Any) -> None:
        both.wait()

    monkeypatch.setattr(sandboxed, "run_or_refuse", meet)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(picture_check, [data, data]))
