from __future__ import annotations

from collections import Counter
from hashlib import sha256

from perf.seeding.catalogue import Catalogue, Ground
from perf.seeding.gallery import Gallery
from perf.seeding.options import SeedOptions
from perf.seeding.prose import prose

# Of all rows below. Changes with what seeding makes, and with nothing else: not with the machine,
# the Python version or PYTHONHASHSEED.
GOLDEN = "ec0aba0ae0d4f4d9cd7ff05939e16fa7ec3f4af89ed47c06fd4c20509d6f5d2e"


def made():
    options = SeedOptions(novels=200, chapters_per_novel=4, comics=50, panels=400, users=20)
    ground = Ground(range(1, 21), range(1, 17), range(1, 16))
    catalogue = Catalogue(options, ground, first_novel=1, first_chapter=1)
    gallery = Gallery(catalogue, range(1, 41), first_comic=1, first_panel=1)
    return catalogue, gallery


def test_rows_do_not_depend_on_where_they_are_made():
    catalogue, gallery = made()
    digest = sha256()

    for rows in (
        catalogue.novel_rows(),
        catalogue.status_rows(),
        catalogue.chapter_rows(),
        catalogue.text_rows(),
        gallery.comic_rows(),
        gallery.panel_rows(),
    ):
        for row in rows:
            digest.update(repr(row).encode())

    assert digest.hexdigest() == GOLDEN


def test_words_follow_zipf():
    words = Counter(" ".join(prose(42).sentences).lower().replace(".", "").split())

    ranked = [count for _, count in words.most_common()]

    # Half of all words are the commonest hundred; very many occur once or twice.
    assert sum(ranked[:100]) > sum(ranked) / 2
    assert sum(1 for count in ranked if count <= 2) > 500


def test_sizes_are_skewed_around_the_mean():
    catalogue, gallery = made()

    counts = sorted(catalogue.chapter_counts)

    assert (counts[0], counts[-1] >= 8) == (0, True)
    assert max(gallery.panel_counts) > 3 * 400 / 50
    words = [row[4] for row in catalogue.chapter_rows()]
    assert 130 < sum(words) / len(words) < 170
