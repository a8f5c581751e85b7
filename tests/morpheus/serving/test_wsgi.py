"""What a server process has done before its first request."""

from __future__ import annotations

import subprocess
import sys

# A collection that has to look at next to nothing keeps no request waiting.
LOADED = """
import gc, os, sys
import morpheus.wsgi
print(len(gc.get_objects()), "novels.views" in sys.modules, "django.contrib.admin" in sys.modules)
sys.stdout.flush()
os._exit(0)
"""


def test_the_program_is_loaded_and_no_longer_looked_through_by_the_collector() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60
    )

    collected, has_views, has_admin = answer.stdout.split()
    assert int(collected) < 1000
    assert (has_views, has_admin) == ("True", "True")
