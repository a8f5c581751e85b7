"""Delete what nothing needs any more, now; the worker does so once a day."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from morpheus.worker.housekeeping import run_jobs


class Command(BaseCommand):
    help = "Delete expired logins, finished tasks, files without a row, old slow queries."

    def handle(self, **options: Any) -> None:
        results = run_jobs()
        for name, result in results.items():
            if isinstance(result, int):
                self.stdout.write(f"{name}: {result} deleted")
            else:
                self.stderr.write(f"{name}: FAIL: {result}")
        if any(isinstance(result, Exception) for result in results.values()):
            raise CommandError("Housekeeping is not complete, see above.")
