"""What `manage.py worker` runs."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django_tasks import task

from morpheus.worker.tasks import MAX_ATTEMPTS, TaskRow, task_given_up
from novels.services.processing import status_fail, upload_parse

GIVEN_UP = (
    f"The worker stopped {MAX_ATTEMPTS} times in the middle of this file, so it was given up. "
    "Its operator finds the reason in the log and may parse it again."
)


@task()
def parse_upload(novel_id: int, owner_id: int, given: list[str]) -> None:
    """Parse the upload of a novel; running it twice gives the same rows."""
    upload_parse(novel_id=novel_id, owner_id=owner_id, given=given)


@receiver(task_given_up)
def fail_given_up_parse(row: TaskRow, **kwargs: Any) -> None:
    """Tell the owner of the novel that its parse was given up."""
    if row.task_path == parse_upload.module_path:
        arguments = row.args_kwargs["kwargs"]
        status_fail(
            novel_id=arguments["novel_id"], owner_id=arguments["owner_id"], message=GIVEN_UP
        )
