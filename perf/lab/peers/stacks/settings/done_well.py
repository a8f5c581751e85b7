"""With kept connections, prepared statements and one fast renderer."""

from __future__ import annotations

from .natural_kept import *  # noqa: F403
from .natural_kept import DATABASES, REST_FRAMEWORK

ROOT_URLCONF = "perf.lab.peers.stacks.done_well"
DATABASES["default"]["OPTIONS"] = {"server_side_binding": True, "prepare_threshold": 5}
REST_FRAMEWORK = REST_FRAMEWORK | {
    "DEFAULT_RENDERER_CLASSES": ["perf.lab.peers.stacks.renderers.OrjsonRenderer"],
}
