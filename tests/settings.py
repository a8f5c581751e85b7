"""Settings of the test suite: its own services and databases, cheap passwords, no limits.

Not in `morpheus.settings`, because that package reads the environment when it is imported, and the
tests' environment must be there first.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
# Empty, so that neither the environment nor `.env` bends a test, least of all onto a server whose
# Redis databases the tests would empty. Real servers have to be asked for.
_on_real_servers = os.environ.get("MORPHEUS_TEST_REAL_SERVERS") == "on"
for _name in re.findall(r"^#([A-Z_]+)=", (_ROOT / ".env.example").read_text(), re.MULTILINE):
    _is_kept = _name.endswith("_URL") and _on_real_servers
    if not _name.startswith("MORPHEUS_TEST_") and not _is_kept:
        os.environ[_name] = ""
os.environ["MORPHEUS_VAR"] = os.environ.get("MORPHEUS_TEST_VAR") or str(_ROOT / "var" / "test")
os.environ["MORPHEUS_HTTPS"] = "off"
# Parallel workers, which load the server into themselves, and what they start share all cores.
os.environ["MORPHEUS_PIN"] = "off"
# A replica, even of a real server, is not one of the database that the tests make.
os.environ["DATABASE_REPLICA_URL"] = ""
os.environ["SECRET_KEY"] = "only-for-tests"  # noqa: S105
_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
# Four logical databases per parallel worker, after those of a developer's own server.
os.environ["MORPHEUS_CACHE_DATABASE_BASE"] = str(4 + 4 * int(_worker.removeprefix("gw")))

from morpheus.settings import *  # noqa: E402, F403
from morpheus.settings import DATABASES, MORPHEUS_VAR, STORAGES  # noqa: E402

DATABASES["default"]["NAME"] = f"test_morpheus_{_worker}"
DATABASES["default"]["OPTIONS"]["pool"]["min_size"] = 0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MORPHEUS_THROTTLE_RATES = dict.fromkeys(
    ("login", "login_network", "login_user", "register", "write"), (1_000_000, 60)
)
for _name in ("uploads", "images"):
    STORAGES[_name]["OPTIONS"]["location"] = MORPHEUS_VAR / _worker / _name
# Its patches change what every query goes through; tests of it turn it on.
CACHALOT_ENABLED = False
# Statements on a busy machine are slow, which is nobody's business but that of tests of it.
MORPHEUS_SLOW_QUERY_MS = 1e9
# Nothing is computed again, or explained, behind a test's back.
MORPHEUS_CACHE_SHADOW_PERCENT = 0
MORPHEUS_EXPLAIN_PERCENT = 0
