"""Settings of measured servers: those of Morpheus with a cheap password hash.

The hash of a login is slow on purpose. Hundreds of logins would be most of a measurement, and none
of that is database or cache.
"""

from __future__ import annotations

from morpheus.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
