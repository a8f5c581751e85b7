"""Settings of the servers under load: those of Morpheus, but logins that cost next to nothing.

A login's hash is made slow on purpose; hundreds of them would be most of what the run measures, and
none of it is database or cache.
"""

from __future__ import annotations

from morpheus.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
