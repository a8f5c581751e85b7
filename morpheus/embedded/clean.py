"""`python -m morpheus.embedded.clean VAR…`: stop the services of var folders, delete their data.

Needs no package, so that `make clean` works in a checkout that is half installed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from .addresses import Addresses
from .guard_client import stop_services
from .paths import delete_root_state


def clean(var: Path) -> None:
    """Delete `var`, the var folders in it, and what Morpheus keeps elsewhere for them."""
    inner = [path.parent for path in var.glob("*/services.lock")]
    for folder in [var, *inner]:
        stop_services(folder)
        delete_root_state(folder)
        shutil.rmtree(Addresses.under(folder).socket_dir, ignore_errors=True)
    if var.exists():
        shutil.rmtree(var)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        clean(Path(argument))
