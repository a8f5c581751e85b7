"""The options of seeding and its presets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

SCALES: dict[str, dict[str, int]] = {
    "small": {"novels": 600, "comics": 300, "panels": 3000, "users": 100},
    "default": {},
    # About 10 GB on disk; short chapters, because texts take most of the space.
    "large": {
        "novels": 1_000_000,
        "chapters_per_novel": 4,
        "words_per_chapter": 60,
        "comics": 1_000_000,
        "panels": 10_000_000,
        "users": 80_000,
    },
}


class ImpossibleOptions(Exception):
    """The options contradict each other; the message says which."""


@dataclass(frozen=True, kw_only=True)
class SeedOptions:
    """What to seed.

    Attributes:
        chapters_per_novel: Mean; the total is exact.
        words_per_chapter: Mean, roughly.
        seed: The same seed gives the same rows.
        reset: Whether to empty a database that has rows; otherwise it is refused.
        password: The password of all seeded users; None: they cannot log in.
    """

    novels: int = 12_000
    chapters_per_novel: int = 12
    words_per_chapter: int = 150
    comics: int = 6_000
    panels: int = 60_000
    users: int = 1_000
    seed: int = 42
    reset: bool = False
    password: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value: Any = getattr(self, field.name)
            if field.type == "int" and field.name != "seed" and value < 0:
                raise ImpossibleOptions(f"--{field.name.replace('_', '-')} cannot be negative.")
        if self.words_per_chapter < 1:
            raise ImpossibleOptions("--words-per-chapter must be at least 1.")
        if (self.novels or self.comics) and not self.users:
            raise ImpossibleOptions("Novels and comics need owners: --users must be at least 1.")
        if self.panels and self.panels < self.comics:
            raise ImpossibleOptions("--panels must be 0 or at least --comics: each has a cover.")
        if self.panels and not self.comics:
            raise ImpossibleOptions("Panels need comics: --comics must be at least 1.")
