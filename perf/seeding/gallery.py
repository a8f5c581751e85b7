"""Seeded comics and their panels, as lines for COPY."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, cycle, islice

from .catalogue import Catalogue
from .chance import (
    END,
    FIRST_NOVEL,
    VERSION,
    Draw,
    Skewed,
    apportion,
    changed_at,
    draws,
    lognormal,
    made_at,
    permute,
)
from .copying import BOOL, NULL
from .words import get_title

WITHOUT_NOVEL_SHARE = 0.05
BY_THE_NOVELS_OWNER_SHARE = 0.7
PUBLIC_SHARE = 0.9
# A few comics stay public although their novel has become private.
PUBLIC_OVER_PRIVATE_SHARE = 0.1
CAPTION_SHARE = 0.7


class Gallery:
    """The lines of comics and panels, for the novels of a catalogue; ids begin with 1.

    As many captions and images are drawn as there are sentences; a comic has a strip of
    consecutive ones.
    """

    def __init__(self, catalogue: Catalogue, image_bytes: Sequence[int]) -> None:
        """Prepare the strips; image 1 has the size `image_bytes[0]`."""
        self.options = catalogue.options
        self.catalogue = catalogue
        self.novel_ranks = Skewed(max(1, self.options.novels), 0.6)
        self.panel_counts = self._draw_panel_counts()
        draw = draws(self.options.seed, "panels", VERSION)
        ranks = Skewed(len(image_bytes), 0.5)
        sentences = catalogue.prose.sentences
        self.images = [ranks.rank(draw) + 1 for _ in sentences]
        # The columns caption and image, repeated for the longest comic.
        self.strip = [
            f"\t{sentence if draw() < CAPTION_SHARE else ''}\t{image}\t"
            for sentence, image in zip(sentences, self.images, strict=True)
        ] * (2 + max(self.panel_counts, default=0) // len(sentences))
        sizes = cycle(image_bytes[image - 1] for image in self.images)
        # Bytes of the images before each place.
        self.bytes_before = list(accumulate(islice(sizes, len(self.strip)), initial=0))

    def comic_lines(self) -> Iterator[str]:
        """Yield comics_comic."""
        count = self.options.comics
        draw = draws(self.options.seed, "covers", VERSION)
        offset = self.catalogue.title_offset
        for comic_id, (novel, owner, is_public, start) in enumerate(self._comics(), start=1):
            panels = self.panel_counts[comic_id - 1]
            cover = self.images[start] if panels else NULL
            image_bytes = self.bytes_before[start + panels] - self.bytes_before[start]
            made = made_at(draw, comic_id - 1, count, FIRST_NOVEL, END)
            yield (
                f"{comic_id}\t{get_title(offset + comic_id)}: A Comic\t{novel}\t{owner}\t"
                f"{BOOL[is_public]}\t{panels}\t{image_bytes}\t{cover}\t"
                f"{made}\t{changed_at(draw, made)}\n"
            )

    def panel_lines(self) -> Iterator[str]:
        """Yield comics_panel."""
        panel_id = 0
        for comic_id, (_, owner, is_public, start) in enumerate(self._comics(), start=1):
            access = f"{owner}\t{BOOL[is_public]}\n"
            panels = self.strip[start : start + self.panel_counts[comic_id - 1]]
            for number, columns in enumerate(panels, start=1):
                panel_id += 1
                yield f"{panel_id}\t{comic_id}\t{number}{columns}{access}"

    def _draw_panel_counts(self) -> Sequence[int]:
        draw = draws(self.options.seed, "panel counts", VERSION)
        weights = (lognormal(draw, 1.0) for _ in range(self.options.comics))
        return apportion(self.options.panels, weights)

    def _comics(self) -> Iterator[tuple[int | str, int, bool, int]]:
        """Yield each comic's novel, owner, visibility, and start of its strip; always the same."""
        draw = draws(self.options.seed, "comics", VERSION)
        for _ in range(self.options.comics):
            yield *self._draw_novel_owner_visibility(draw), int(draw() * len(self.images))

    def _draw_novel_owner_visibility(self, draw: Draw) -> tuple[int | str, int, bool]:
        catalogue = self.catalogue
        users = catalogue.references.users
        user = users[int(draw() * len(users))]
        if not self.options.novels or draw() < WITHOUT_NOVEL_SHARE:
            return NULL, user, draw() < PUBLIC_SHARE
        place = permute(self.novel_ranks.rank(draw), self.options.novels)
        while not catalogue.is_completed(place):
            place -= 1
        if catalogue.is_public[place]:
            is_public = draw() < PUBLIC_SHARE
            owner = catalogue.owners[place] if draw() < BY_THE_NOVELS_OWNER_SHARE else user
        else:
            is_public, owner = draw() < PUBLIC_OVER_PRIVATE_SHARE, catalogue.owners[place]
        return place + 1, owner, is_public
