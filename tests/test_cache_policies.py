"""Every cache policy is documented."""

from __future__ import annotations

import re
from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import module_has_submodule

import morpheus.cache.response_cache  # noqa: F401 - the policy of the response cache
import morpheus.cache.sessions  # noqa: F401 - that of sessions
from morpheus.cache.policies import POLICIES

LINE = re.compile(r"^\| `([\w.]+)` \| (.+) \| (.+) \| ([\d,]+) \|$", re.MULTILINE)


def test_the_document_has_each_policy_with_its_ttl() -> None:
    for app in apps.get_app_configs():
        if module_has_submodule(app.module, "cache_policies"):
            import_module(f"{app.name}.cache_policies")
    lines = LINE.findall((settings.BASE_DIR / "docs" / "caching.md").read_text())

    documented = {name: int(ttl.replace(",", "")) for name, _, _, ttl in lines}

    assert documented == {name: policy.ttl_s for name, policy in POLICIES.items()}
