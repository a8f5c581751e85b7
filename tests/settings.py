"""Settings of the test suite: its own services and databases, cheap passwords, no limits.

Not in `morpheus.settings`, because that package reads the environment when it is imported, and the
tests' environment must be there first.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
# Empty, so that neither the environment nor `.env` changes a test, least of all to a server whose
# Redis databases the tests would empty. Real servers need a variable of their own.
_on_real_servers = os.environ.get("MORPHEUS_TEST_REAL_SERVERS") == "on"
for _name in re.findall(r"^#([A-Z_]+)=", (_ROOT / ".env.example").read_text(), re.MULTILINE):
    _is_kept = _name.endswith("_URL") and _on_real_servers
    if not _name.startswith("MORPHEUS_TEST_") and not _is_kept:
        os.environ[_name] = ""
os.environ["MORPHEUS_VAR"] = os.environ.get("MORPHEUS_TEST_VAR") or str(_ROOT / "var" / "test")
os.environ["MORPHEUS_HTTPS"] = "off"
# Parallel workers load the server into themselves; they and their children share all cores.
os.environ["MORPHEUS_PIN"] = "off"
# A replica, even of a real server, does not have the tests' database.
os.environ["DATABASE_REPLICA_URL"] = ""
os.environ["SECRET_KEY"] = "only-for-tests"  # noqa: S105
_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
# Three logical databases per parallel worker, after those of a developer's own server.
os.environ["MORPHEUS_CACHE_DATABASE_BASE"] = str(3 + 3 * int(_worker.removeprefix("gw")))

from morpheus.settings import *  # noqa: E402, F403
from morpheus.settings import DATABASES, INSTALLED_APPS, MORPHEUS_VAR, STORAGES  # noqa: E402

# For the command by which Django empties tables after a test. First, to take the place of its own.
INSTALLED_APPS = ["tests", *INSTALLED_APPS]

DATABASES["default"]["NAME"] = f"test_morpheus_{_worker}"
DATABASES["default"]["OPTIONS"]["pool"]["min_size"] = 0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MORPHEUS_THROTTLE_RATES = dict.fromkeys(
    (
        *("login", "login_network", "login_user", "register", "write", "parse"),
        *("mail", "mail_user", "mail_network", "export"),
    ),
    (1_000_000, 60),
)
for _name in ("uploads", "images", "exports"):
    STORAGES[_name]["OPTIONS"]["location"] = MORPHEUS_VAR / _worker / _name
# Its patches change the path of every query; its own tests switch it on.
CACHALOT_ENABLED = False
# Statements are slow on a busy machine; the tests of slow queries set their own limit.
MORPHEUS_SLOW_QUERY_MS = 1e9
# No shadow verification and no sampled request traces beside a test.
MORPHEUS_CACHE_SHADOW_PERCENT = 0
MORPHEUS_EXPLAIN_PERCENT = 0
