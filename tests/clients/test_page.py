"""docs/build-a-client.md, followed word by word."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from tests.clients.conftest import Morpheus
from tests.serving import REPOSITORY

HERE = Path(__file__).parent
PAGE = (REPOSITORY / "docs" / "build-a-client.md").read_text()


def read_script() -> str:
    """Return all blocks as one script; the first line of another language names a file."""
    steps = ["set -euo pipefail"]
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        if language == "sh":
            steps.append(text)
        else:
            name = text.split("\n")[0].strip("/# ")
            steps.append(f"cat > {name} <<'END OF FILE'\n{text}END OF FILE")
    return "\n".join([*steps, "echo the end of the page"])


def test_the_page_makes_three_clients_that_work(morpheus: Morpheus, tmp_path: Path) -> None:
    # Without the hashes, which would demand some of the page.
    lock = (HERE / "requirements.lock").read_text()
    (tmp_path / "versions").write_text(
        "\n".join(re.findall(r"^[\w.-]+==[^ ]+", lock, re.MULTILINE))
    )
    variables = {
        "MORPHEUS": morpheus.url,
        # The packages that the page names depend on others, which have the versions of the lock.
        "PIP_CONSTRAINT": str(tmp_path / "versions"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "npm_config_prefer_offline": "true",
    }

    run = subprocess.run(
        ["bash", "-c", read_script()],
        cwd=tmp_path,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    output = run.stdout
    assert run.returncode == 0 and output.endswith("the end of the page\n"), output
    assert "The quokka smiled." in output and "Did you mean `genre`?" in output
    assert output.count("1 Chapter 1 ") == 2, "of both readers"
    assert "['Quokkas']" in output and "[ 'More quokkas' ]" in output
    assert "stored 2 0.5" in output


def test_the_page_has_the_versions_and_the_configuration_that_are_tested() -> None:
    typescript = json.loads((HERE / "typescript" / "package.json").read_text())["dependencies"]
    python = (HERE / "requirements.in").read_text().split("\n")
    configuration = (REPOSITORY / "docs" / "openapi-python-client.yml").read_text()

    for name, version in typescript.items():
        assert f"{name}@{version}" in PAGE
    assert next(line for line in python if line.startswith("openapi-python-client==")) in PAGE
    assert configuration.split("\n", 1)[1] in PAGE
