"""What `manage.py worker` runs."""

from __future__ import annotations

from django_tasks import task

from novels.services import upload_parse


@task()
def parse_upload(novel_id: int, owner_id: int, given: list[str]) -> None:
    """Parse the upload of a novel; running it twice gives the same rows."""
    upload_parse(novel_id=novel_id, owner_id=owner_id, given=given)
