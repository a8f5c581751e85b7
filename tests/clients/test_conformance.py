"""schemathesis finds no request whose response the OpenAPI document excludes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from perf.lab.example_catalogue import example
from tests.clients.conftest import Morpheus
from tests.serving import REPOSITORY, Client, wait_until

HERE = Path(__file__).parent
CREDENTIALS = {"email": "schemathesis@example.org", "password": "correct horse battery staple"}


@pytest.fixture(scope="module")
def ids(morpheus: Morpheus) -> dict[str, int]:
    """Ids of one row of each kind, by the names of parameters."""
    new = CREDENTIALS | {"display_name": "Ann"}
    user = morpheus.send("POST", "/users/", new).json
    member = morpheus.login(**CREDENTIALS)
    novel = send_form(member, "POST /novels/", {}, title="Tested", visibility="public")
    wait_until(lambda: member.get(f"/novels/{novel}/status/").json["state"] == "completed")
    comic = member.send("POST", "/comics/", {"title": "Tested", "visibility": "public"}).json["id"]
    panel = send_form(member, "POST /comics/{comic_id}/panels/", {"comic_id": comic})
    export = member.send("POST", "/users/me/exports/").json["id"]
    named = {"novel_id": novel, "comic_id": comic, "panel_id": panel, "number": 1}
    return named | {"export_id": export, "user_id": user["id"]}


def send_form(client: Client, route: str, values: dict[str, Any], **fields: str) -> int:
    request = example(route).build(values, body=fields)
    response = client.send(request.method, request.path, request.body, **request.headers)
    return int(response.json["id"])


@pytest.mark.parametrize("credentials", [CREDENTIALS, None], ids=["logged in", "anonymous"])
def test_no_response_contradicts_the_document(
    morpheus: Morpheus,
    python_tools: Path,
    ids: dict[str, int],
    credentials: dict[str, str] | None,
    tmp_path: Path,
) -> None:
    variables = {
        "MORPHEUS_URL": f"{morpheus.url}/api/v1",
        "MORPHEUS_IDS": json.dumps(ids),
        "MORPHEUS_CREDENTIALS": json.dumps(credentials) if credentials else "",
        "PYTHONPATH": str(REPOSITORY),
    }
    options = ("--config-file", HERE / "schemathesis.toml", "run", f"{morpheus.url}/api/v1/schema/")
    run = subprocess.run(
        [
            *map(str, (python_tools / "schemathesis", *options)),
            *("--checks", "all", "--max-examples", "8", "--no-color"),
        ],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
    tested = re.search(r"Tested: (\d+)", run.stdout)
    assert tested is not None and int(tested[1]) >= 50, run.stdout
