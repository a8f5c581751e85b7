"""The environment that every settings module reads, each variable once."""

from __future__ import annotations

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

# Everything that a running Morpheus keeps on disk: embedded services, uploads, images, secrets.
VAR_DIR = Path(env.str("MORPHEUS_VAR", default=str(BASE_DIR / "var"))).resolve()
