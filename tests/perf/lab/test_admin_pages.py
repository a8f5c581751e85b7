"""`manage.py perf_admin` opens the admin's lists as an operator does."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from tests.conftest import as_staff
from users.models import User


@pytest.mark.django_db
def test_every_list_is_opened_in_every_way_by_somebody_who_is_not_kept(make_novels, capsys):
    make_novels(2)
    with as_staff():
        before = User.objects.count()

    call_command("perf_admin", rounds=1, limit_ms=60_000)

    *lines, verdict = capsys.readouterr().out.splitlines()
    opened = {line.split("  ")[0] for line in lines}
    assert opened >= {
        "novels.Novel",
        "novels.Novel last page",
        "novels.Novel status__state=failed",
        "comics.Panel number",
        "users.User address",
    }
    assert verdict == f"{len(lines) - 1} lists; 0 over 60000 ms"
    with as_staff():
        assert User.objects.count() == before


@pytest.mark.django_db
def test_a_list_over_the_limit_is_a_failure(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("perf_admin", rounds=1, limit_ms=0, slowest=1)

    assert ended.value.code == 1
    assert len(capsys.readouterr().out.splitlines()) == 3
