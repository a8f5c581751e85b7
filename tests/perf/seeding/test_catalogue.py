from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import Any

from perf.seeding.catalogue import Catalogue, References
from perf.seeding.copying import line
from perf.seeding.gallery import Gallery
from perf.seeding.options import SeedOptions
from perf.seeding.prose import prose

# Of all rows below. Changes with what seeding makes, and with nothing else: not with the machine,
# the Python version or PYTHONHASHSEED.
GOLDEN = "8b76b2c77668f095a027148717e95440d795da0c66dfe4fb0333d8ce51c3f5cd"


def made() -> Any:
    options = SeedOptions(novels=200, chapters_per_novel=4, comics=50, panels=400, users=20)
    catalogue = Catalogue(options, References(range(1, 21), range(1, 17), range(1, 16)))
    gallery = Gallery(catalogue, range(1000, 41_000, 1000))
    return catalogue, gallery


def test_rows_do_not_depend_on_where_they_are_made() -> None:
    catalogue, gallery = made()
    digest = sha256()

    for lines in (
        catalogue.novel_lines(),
        catalogue.status_lines(),
        catalogue.chapter_lines(),
        catalogue.text_lines(),
        gallery.comic_lines(),
        gallery.panel_lines(),
    ):
        for row in lines:
            digest.update(row.encode())

    assert digest.hexdigest() == GOLDEN


def test_lines_are_the_same_every_time_they_are_made() -> None:
    catalogue, gallery = made()

    for lines in (catalogue.text_lines, gallery.panel_lines):
        assert [*lines()] == [*lines()]


def test_a_chapter_longer_than_the_pool_of_sentences_is_made_of_all_of_them() -> None:
    options = SeedOptions(
        novels=1, chapters_per_novel=1, words_per_chapter=900_000, comics=0, panels=0, users=1
    )
    catalogue = Catalogue(options, References([1], [], []))

    (line,) = catalogue.text_lines()

    assert all(sentence in line for sentence in prose(42).sentences)


def test_what_a_column_says_is_not_taken_for_another_column_or_row() -> None:
    assert line(1, None, True, "a\tb\nc\\d\r") == "1\t\\N\tt\ta\\tb\\nc\\\\d\\r\n"


def test_words_follow_zipf() -> None:
    words = Counter(" ".join(prose(42).sentences).lower().replace(".", "").split())

    ranked = [count for _, count in words.most_common()]

    # Half of all words are the commonest hundred; very many occur once or twice.
    assert sum(ranked[:100]) > sum(ranked) / 2
    assert sum(1 for count in ranked if count <= 2) > 500


def test_sizes_are_skewed_around_the_mean() -> None:
    catalogue, gallery = made()

    counts = sorted(catalogue.chapter_counts)

    assert (counts[0], counts[-1] >= 8) == (0, True)
    assert max(gallery.panel_counts) > 3 * 400 / 50
    words = [int(line.split("\t")[4]) for line in catalogue.chapter_lines()]
    assert 130 < sum(words) / len(words) < 170
