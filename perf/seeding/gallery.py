"""Seeded comics and their panels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .catalogue import Catalogue
from .chance import Draw, Skewed, apportion, draws, lognormal, permuted, pick
from .dates import END, OPENING_DAY, changed_at, made_at
from .naming import title
from .tables import Row

WITHOUT_NOVEL_SHARE = 0.05
BY_THE_NOVELS_OWNER_SHARE = 0.7
PUBLIC_SHARE = 0.9
# A few comics stay public although their novel has become private.
PUBLIC_OVER_PRIVATE_SHARE = 0.1
CAPTION_SHARE = 0.7


class Gallery:
    """The rows of comics and panels, over the novels of a catalogue."""

    def __init__(
        self, catalogue: Catalogue, images: Sequence[int], *, first_comic: int, first_panel: int
    ) -> None:
        self.options = catalogue.options
        self.catalogue = catalogue
        self.images = images
        self.first_comic = first_comic
        self.first_panel = first_panel
        self.novel_ranks = Skewed(max(1, self.options.novels), 0.6)
        self.image_ranks = Skewed(len(images), 0.5)
        draw = draws(self.options.seed, "panel counts", first_comic)
        weights = (lognormal(draw, 1.0) for _ in range(self.options.comics))
        self.panel_counts = apportion(self.options.panels, weights)

    def comic_rows(self) -> Iterator[Row]:
        """Yield comics_comic."""
        count = self.options.comics
        for place in range(count):
            comic_id = self.first_comic + place
            draw = self._comic_draw(comic_id)
            novel_id, owner, is_public = self._novel_owner_visibility(draw)
            panels = self.panel_counts[place]
            cover = self._image(self._panel_draw(comic_id)) if panels else None
            made = made_at(draw, place, count, OPENING_DAY, END)
            name = f"{title(self.catalogue.title_offset + comic_id)}: A Comic"
            changed = changed_at(draw, made)
            yield comic_id, name, novel_id, owner, is_public, panels, cover, made, changed

    def panel_rows(self) -> Iterator[Row]:
        """Yield comics_panel."""
        panel_id = self.first_panel
        sentences = self.catalogue.prose.sentences
        for place, count in enumerate(self.panel_counts):
            comic_id = self.first_comic + place
            _, *shown = self._novel_owner_visibility(self._comic_draw(comic_id))
            draw = self._panel_draw(comic_id)
            for number in range(1, count + 1):
                image = self._image(draw)
                caption = pick(draw, sentences) if draw() < CAPTION_SHARE else ""
                yield panel_id, comic_id, number, caption, image, *shown
                panel_id += 1

    def _comic_draw(self, comic_id: int) -> Draw:
        return draws(self.options.seed, "comic", comic_id)

    def _panel_draw(self, comic_id: int) -> Draw:
        """Return what a comic's panels are drawn from; the first draw is the cover's image."""
        return draws(self.options.seed, "panels", comic_id)

    def _image(self, draw: Draw) -> int:
        return self.images[self.image_ranks.rank(draw)]

    def _novel_owner_visibility(self, draw: Draw) -> tuple[int | None, int, bool]:
        users = self.catalogue.ground.users
        reader = users[int(draw() * len(users))]
        if not self.options.novels or draw() < WITHOUT_NOVEL_SHARE:
            return None, reader, draw() < PUBLIC_SHARE
        place = permuted(self.novel_ranks.rank(draw), self.options.novels)
        while not self.catalogue.is_completed(place):
            place -= 1
        owner, novel_is_public = self.catalogue.owner_and_visibility(place)
        if not novel_is_public:
            is_public = draw() < PUBLIC_OVER_PRIVATE_SHARE
        else:
            is_public = draw() < PUBLIC_SHARE
            owner = owner if draw() < BY_THE_NOVELS_OWNER_SHARE else reader
        return self.catalogue.first_novel + place, owner, is_public
