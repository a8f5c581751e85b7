"""Seeded comics and their panels, as lines for COPY."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, cycle, islice

from .catalogue import Catalogue
from .chance import Draw, Skewed, apportion, draws, lognormal, permute
from .dates import END, OPENING_DAY, changed_at, made_at, stamp
from .lines import BOOL, NULL, raw
from .naming import title

WITHOUT_NOVEL_SHARE = 0.05
BY_THE_NOVELS_OWNER_SHARE = 0.7
PUBLIC_SHARE = 0.9
# A few comics stay public although their novel has become private.
PUBLIC_OVER_PRIVATE_SHARE = 0.1
CAPTION_SHARE = 0.7


class Gallery:
    """The lines of comics and panels, over the novels of a catalogue.

    Captions and images are drawn once, as many as there are sentences; a comic's panels are some of
    them in a row.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        images: Sequence[int],
        sizes: Sequence[int],
        *,
        first_comic: int,
        first_panel: int,
    ) -> None:
        self.options = catalogue.options
        self.catalogue = catalogue
        self.first_comic = first_comic
        self.first_panel = first_panel
        self.novel_ranks = Skewed(max(1, self.options.novels), 0.6)
        self.panel_counts = self._panel_counts()
        self.images, self.pictured = self._pictured(images)
        size_of = dict(zip(images, sizes, strict=True))
        repeated = cycle(size_of[image] for image in self.images)
        # Bytes of the pictures before each place.
        self.bytes_before = list(accumulate(islice(repeated, len(self.pictured)), initial=0))

    def comic_lines(self) -> Iterator[str]:
        """Yield comics_comic."""
        count = self.options.comics
        draw = draws(self.options.seed, "covers", self.first_comic)
        named = self.catalogue.title_offset
        for place, (novel, owner, is_public, strip) in enumerate(self._comics()):
            comic_id = self.first_comic + place
            panels = self.panel_counts[place]
            cover = self.images[strip] if panels else NULL
            image_bytes = self.bytes_before[strip + panels] - self.bytes_before[strip]
            made = made_at(draw, place, count, OPENING_DAY, END)
            yield (
                f"{comic_id}\t{title(named + comic_id)}: A Comic\t{novel}\t{owner}\t"
                f"{BOOL[is_public]}\t{panels}\t{image_bytes}\t{cover}\t"
                f"{stamp(made)}\t{stamp(changed_at(draw, made))}\n"
            )

    def panel_lines(self) -> Iterator[str]:
        """Yield comics_panel."""
        panel_id = self.first_panel
        for place, (_, owner, is_public, strip) in enumerate(self._comics()):
            comic_id, shown = self.first_comic + place, f"{owner}\t{BOOL[is_public]}\n"
            panels = self.pictured[strip : strip + self.panel_counts[place]]
            for number, pictured in enumerate(panels, start=1):
                yield f"{panel_id}\t{comic_id}\t{number}{pictured}{shown}"
                panel_id += 1

    def _panel_counts(self) -> Sequence[int]:
        draw = draws(self.options.seed, "panel counts", self.first_comic)
        weights = (lognormal(draw, 1.0) for _ in range(self.options.comics))
        return apportion(self.options.panels, weights)

    def _pictured(self, images: Sequence[int]) -> tuple[list[int], list[str]]:
        """Return the image ids, and the columns caption and image that panels have in a row.

        The columns are repeated for the longest comic.
        """
        draw = draws(self.options.seed, "panels", self.first_panel)
        ranks = Skewed(len(images), 0.5)
        sentences = [raw(sentence) for sentence in self.catalogue.prose.sentences]
        drawn = [images[ranks.rank(draw)] for _ in sentences]
        columns = [
            f"\t{sentence if draw() < CAPTION_SHARE else ''}\t{image}\t"
            for sentence, image in zip(sentences, drawn, strict=True)
        ]
        return drawn, columns * (2 + max(self.panel_counts, default=0) // len(columns))

    def _comics(self) -> Iterator[tuple[int | str, int, bool, int]]:
        """Yield each comic's novel, owner, visibility, first panel's place; always the same."""
        draw = draws(self.options.seed, "comics", self.first_comic)
        length = len(self.images)
        for _ in range(self.options.comics):
            yield *self._novel_owner_visibility(draw), int(draw() * length)

    def _novel_owner_visibility(self, draw: Draw) -> tuple[int | str, int, bool]:
        catalogue = self.catalogue
        users = catalogue.ground.users
        reader = users[int(draw() * len(users))]
        if not self.options.novels or draw() < WITHOUT_NOVEL_SHARE:
            return NULL, reader, draw() < PUBLIC_SHARE
        place = permute(self.novel_ranks.rank(draw), self.options.novels)
        while not catalogue.is_completed(place):
            place -= 1
        if catalogue.is_public[place]:
            is_public = draw() < PUBLIC_SHARE
            owner = catalogue.owners[place] if draw() < BY_THE_NOVELS_OWNER_SHARE else reader
        else:
            is_public, owner = draw() < PUBLIC_OVER_PRIVATE_SHARE, catalogue.owners[place]
        return catalogue.first_novel + place, owner, is_public
