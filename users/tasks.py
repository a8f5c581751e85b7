"""What `manage.py worker` runs for accounts."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django_tasks import task

from morpheus.worker.tasks import MAX_ATTEMPTS, TaskRow, task_given_up
from users.services.accounts import account_delete
from users.services.exports import export_build, export_fail
from users.services.mails import mail_send

GIVEN_UP = (
    f"The worker stopped {MAX_ATTEMPTS} times while it made this export. Ask for another one."
)


@task()
def send_account_mail(kind: str, user_id: int | None, attempt: int = 1) -> None:
    """Send a mail to a user; running it twice sends it twice."""
    mail_send(kind=kind, user_id=user_id, attempt=attempt)


@task()
def delete_account(user_id: int) -> None:
    """Delete the rest of a deleted account; running it twice is safe."""
    account_delete(user_id=user_id)


@task()
def build_export(export_id: int, user_id: int) -> None:
    """Make the archive of an export; running it twice gives one file."""
    export_build(export_id=export_id, user_id=user_id)


@receiver(task_given_up)
def fail_given_up_export(row: TaskRow, **kwargs: Any) -> None:
    """Tell the user that their export was given up."""
    if row.task_path == build_export.module_path:
        arguments = row.args_kwargs["kwargs"]
        export_fail(
            export_id=arguments["export_id"], user_id=arguments["user_id"], message=GIVEN_UP
        )
