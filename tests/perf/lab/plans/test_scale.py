"""What requests read, by the number of rows."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from perf.lab import scale


def measured(novels, **buffers):
    return {"rows": {"novels": novels}, "buffers": buffers}


def test_a_measurement_says_rows_and_buffers_and_is_kept(
    seeded, django_db_blocker, tmp_path, capsys
):
    file = tmp_path / "scale.json"
    with django_db_blocker.unblock():
        call_command("perf_scale", file=file, route="/panels/")

    (kept,) = json.loads(file.read_text())

    assert (kept["rows"]["novels"], kept["rows"]["panels"]) == (3000, 20_000)
    assert set(kept["buffers"]) == {
        "GET /comics/{comic_id}/panels/",
        "GET /comics/{comic_id}/panels/{number}/image/",
        "second page of /comics/{comic_id}/panels/",
        "deepest page of /comics/{comic_id}/panels/",
    }
    assert all(1 < buffers < 100 for buffers in kept["buffers"].values())
    assert "3,000 novels" in capsys.readouterr().out


def test_a_new_measurement_takes_the_place_of_one_of_as_many_rows(tmp_path):
    curve = [measured(10, a=1), measured(1000, a=2)]

    assert scale.added(curve, measured(100, a=3))[1] == measured(100, a=3)
    assert scale.added(curve, measured(1000, a=3)) == [measured(10, a=1), measured(1000, a=3)]


def test_what_grows_by_more_than_it_may_is_told(tmp_path, capsys):
    file = tmp_path / "scale.json"
    scale.write(file, [measured(10, flat=10, steep=10), measured(1000, flat=13, steep=14, new=5)])

    call_command("perf_scale", file=file, show=True)

    told = capsys.readouterr()
    assert [line.split()[-1] for line in told.out.splitlines()[1:]] == ["1.30", "1.40", "–"]
    assert told.err == "steep: 1.40 times as much, 1.3 at most\n"


def test_without_a_measurement_there_is_nothing_to_show(tmp_path):
    with pytest.raises(CommandError, match="no measurement"):
        call_command("perf_scale", file=tmp_path / "none.json", show=True)
