"""The modes that run side by side: how the servers of each are set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SETTINGS = "perf.lab.offload.settings"
# Reading is what is measured, not how often one address may write.
UNLIMITED = dict.fromkeys(
    ("MORPHEUS_THROTTLE_LOGIN_PER_MINUTE", "MORPHEUS_THROTTLE_WRITES_PER_MINUTE"), "1000000000"
)


@dataclass(frozen=True)
class Mode:
    """One way to serve.

    Attributes:
        settings: Module of Django's settings.
        keeps: Whether anything that was read is kept.
        variables: Further environment.
    """

    name: str
    title: str
    settings: str = SETTINGS
    keeps: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self, inherited: Mapping[str, str], database_url: str) -> dict[str, str]:
        """Return the environment of this mode's processes, on a database of their own."""
        return {
            **inherited,
            **UNLIMITED,
            "MORPHEUS_HTTPS": "off",
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": self.settings,
            **self.variables,
        }


_NO_CACHE = {"MORPHEUS_CACHE": "off"}
OFF = Mode("off", "cache off", keeps=False, variables=_NO_CACHE)
OURS = Mode("ours", "morpheus.cache")
CACHALOT = Mode(
    "cachalot",
    "cachalot on everything",
    settings="perf.lab.offload.cachalot_settings",
    variables=_NO_CACHE,
)
MODES = {mode.name: mode for mode in (OFF, OURS, CACHALOT)}
