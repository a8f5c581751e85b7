"""Hand-made histories, right and wrong ones; times are in seconds."""

from __future__ import annotations

import math

import pytest

from perf.lab.consistency.check import EARLY, IMPOSSIBLE, INVERTED, STALE, Verdict, check
from perf.lab.consistency.history import ABSENT, Log, Observation, Write


class History:
    """The history of one row, with one view by default."""

    def __init__(self) -> None:
        self.log = Log()
        self.write("0", 0, 0)

    def write(
        self,
        value: str,
        began: float,
        ended: float = math.inf,
        *,
        shows: dict[str, str] | None = None,
    ) -> None:
        self.log.writes.append(Write("row", shows or {"view": value}, began, ended))

    def read(self, value: str, began: float, ended: float, view: str = "view") -> None:
        number = self.log.number_response([Observation("row", view, value)])
        self.log.record_read(number, began, ended)

    @property
    def verdict(self) -> Verdict:
        return check([self.log])

    @property
    def kinds(self) -> dict[str, int]:
        return dict(self.verdict.violations)


@pytest.fixture
def history() -> History:
    return History()


def test_a_read_shows_the_newest_value(history: History) -> None:
    history.write("1", 1, 2)
    history.read("0", 0.1, 0.9)
    history.read("1", 2.1, 2.2)

    assert history.kinds == {}
    assert history.verdict.reads == 2
    assert history.verdict.writes == 2


def test_a_read_during_a_write_shows_either_value(history: History) -> None:
    history.write("1", 1, 3)
    history.read("0", 1.1, 3.5)
    history.read("1", 1.1, 3.5)

    assert history.kinds == {}


def test_a_read_after_an_acknowledgement_must_not_show_a_stale_value(history: History) -> None:
    history.write("1", 1, 2)
    history.read("0", 2.5, 2.6)

    assert history.kinds == {STALE: 1}
    assert history.verdict.worst_s == pytest.approx(0.5)


def test_a_read_that_began_before_the_acknowledgement_may_end_long_after(history: History) -> None:
    history.write("1", 1, 2)
    history.write("2", 3, 4)
    history.read("0", 1.9, 9)

    assert history.kinds == {}


def test_staleness_counts_from_the_next_write(history: History) -> None:
    history.write("1", 1, 2)
    history.write("2", 3, 4)
    history.read("0", 5, 6)

    assert history.verdict.worst_s == pytest.approx(3)


def test_a_value_that_was_never_written_is_impossible(history: History) -> None:
    history.read("7", 1, 2)

    assert history.kinds == {IMPOSSIBLE: 1}


def test_a_value_that_is_written_later_is_early(history: History) -> None:
    history.read("1", 1, 2)
    history.write("1", 3, 4)

    assert history.kinds == {EARLY: 1}


def test_no_read_is_older_than_an_earlier_read(history: History) -> None:
    history.write("1", 1, 10)
    history.read("1", 2, 3)
    history.read("0", 4, 5)

    assert history.kinds == {INVERTED: 1}
    assert history.verdict.worst_s == pytest.approx(1)


def test_two_reads_at_the_same_time_may_differ(history: History) -> None:
    history.write("1", 1, 10)
    history.read("1", 2, 4)
    history.read("0", 3, 5)

    assert history.kinds == {}


def test_a_failed_write_may_have_happened_or_not(history: History) -> None:
    history.write("1", 1)
    history.read("0", 5, 6)
    history.read("0", 7, 8)
    history.read("1", 9, 10)

    assert history.kinds == {}


def test_a_row_of_a_failed_create_may_have_any_id(history: History) -> None:
    history.write("", 1, shows={"id=?": "+"})
    history.read("+", 5, 6, view="id=7")
    history.read(ABSENT, 7, 8, view="id=7")
    assert history.kinds == {}

    history.read("+", 9, 10, view="id=7:own")
    assert history.kinds == {IMPOSSIBLE: 1}


def test_a_failed_write_that_was_read_has_happened(history: History) -> None:
    history.write("1", 1)
    history.read("1", 5, 6)
    history.read("0", 7, 8)

    assert history.kinds == {INVERTED: 1}


def test_a_failed_write_may_still_happen_after_the_next_one(history: History) -> None:
    history.write("1", 1)
    history.write("2", 3, 4)
    history.read("2", 5, 6)
    history.read("1", 7, 8)

    assert history.kinds == {}


def test_a_failed_write_does_not_happen_twice(history: History) -> None:
    history.write("1", 1)
    history.read("1", 2, 3)
    history.write("2", 4, 5)
    history.read("1", 6, 7)

    assert history.kinds == {INVERTED: 1}


def test_either_of_two_racing_writes_may_be_the_last(history: History) -> None:
    history.write("1", 1, 4)
    history.write("2", 2, 3)
    history.read("1", 5, 6)
    history.read("2", 5, 6)

    assert history.kinds == {}


def test_racing_writes_are_both_newer_than_the_value_before(history: History) -> None:
    history.write("1", 1, 4)
    history.write("2", 2, 3)
    history.read("0", 3.5, 5)

    assert history.kinds == {STALE: 1}


def test_racing_writes_are_stale_after_the_next_one(history: History) -> None:
    history.write("1", 1, 4)
    history.write("2", 2, 3)
    history.write("3", 5, 6)
    history.read("1", 7, 8)
    history.read("2", 7, 8)

    assert history.kinds == {STALE: 2}


def test_a_read_of_one_view_is_evidence_for_another_view(history: History) -> None:
    history.write("", 1, 9, shows={"view": "1", "list": "1"})
    history.read("1", 2, 3, view="list")
    history.read("0", 4, 5)

    assert history.kinds == {INVERTED: 1}


def test_a_row_is_absent_where_its_newest_write_does_not_show_it(history: History) -> None:
    history.write("", 1, 2, shows={"own": "secret"})
    history.read(ABSENT, 3, 4)
    history.read("secret", 3, 4, view="own")

    assert history.kinds == {}


def test_a_hidden_value_must_not_be_shown(history: History) -> None:
    history.write("", 1, 2, shows={"own": "secret"})
    history.read("secret", 3, 4)

    assert history.kinds == {IMPOSSIBLE: 1}


def test_a_row_that_comes_and_goes_is_absent_only_at_these_times(history: History) -> None:
    history.write("", 1, 2, shows={"other": "x"})
    history.write("2", 3, 4)
    history.write("", 5, 6, shows={"other": "y"})
    history.write("4", 7, 8)
    history.read(ABSENT, 2.5, 2.6)
    history.read(ABSENT, 6.5, 6.6)
    history.read(ABSENT, 4.3, 4.7)
    history.read(ABSENT, 9.0, 9.1)

    assert history.kinds == {STALE: 2}


def test_each_value_of_a_response_is_checked_by_itself() -> None:
    log = Log()
    for row in ("a", "b"):
        log.writes.append(Write(row, {"view": "0"}, 0, 0))
        log.writes.append(Write(row, {"view": "1"}, 1, 2))
    shown = [Observation("a", "view", "1"), Observation("b", "view", "0")]
    log.record_read(log.number_response(shown), 3, 4)

    verdict = check([log])

    assert verdict.values == 2
    assert verdict.wrong_reads == 1
    assert [violation.observation.row for violation in verdict.examples] == ["b"]


def test_a_write_of_one_process_is_read_by_another() -> None:
    writer, reader = Log(), Log()
    writer.writes.append(Write("a", {"view": "0"}, 0, 0))
    writer.writes.append(Write("a", {"view": "1"}, 1, 2))
    reader.record_read(reader.number_response([Observation("a", "view", "0")]), 3, 4)

    assert check([writer, reader]).violations == {STALE: 1}


def test_rows_of_others_may_show_any_value_beside_a_stale_read(history: History) -> None:
    history.write("1", 1, 2)
    history.read("0", 3, 4)
    number = history.log.number_response([Observation("row of others", "view", "anything")])
    history.log.record_read(number, 3, 4)

    assert dict(check([history.log], is_alone=False).violations) == {STALE: 1}
    assert dict(check([history.log]).violations) == {STALE: 1, IMPOSSIBLE: 1}
