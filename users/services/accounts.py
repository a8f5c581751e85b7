"""Delete accounts: the credentials at once, everything else by the worker.

At the request, the row of the user loses its personal columns. The worker deletes novels, comics
and files item by item, each in a transaction of its own, and then the row. After a crash,
housekeeping goes on.
"""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from http import HTTPStatus

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from morpheus.api.domain_errors import DomainError
from morpheus.db.transactions import write_transaction
from morpheus.worker.tasks import hold_task
from users.account_parts import account_parts
from users.models import AccountDeletion, User
from users.services.exports import export_delete
from users.services.passwords import WrongPassword
from users.services.tokens import tokens_revoke

logger = logging.getLogger(__name__)

DELETED_NAME = "Deleted user"
# Housekeeping leaves younger deletions to the worker.
_AGE = timedelta(hours=1)


class StaffAccount(DomainError):
    """Staff are deleted in the admin, so that the last one cannot vanish by a request."""

    status = HTTPStatus.FORBIDDEN
    code = "staff_account"

    def __init__(self) -> None:
        super().__init__("Accounts of staff are deleted in the admin.")


def account_request_deletion(*, user: User, encoded: str) -> None:
    """End all credentials of a user, empty the personal columns, and queue the rest's deletion.

    The address is free again. Invalidates `user:<id>`, `name:<id>`, `token:<digest>`.

    Args:
        encoded: The hash of the password that was confirmed.

    Raises:
        WrongPassword: The password was changed a moment ago.
        StaffAccount: The user is staff.
    """
    if user.is_staff or user.is_superuser:
        raise StaffAccount
    from users.tasks import delete_account  # Not at the top: the task imports the services.

    with write_transaction(as_user=user.pk):
        is_changed = User.objects.filter(pk=user.pk, password=encoded).update(
            is_active=False,
            password=make_password(None),
            # No user can have registered it before.
            email=f"{uuid.uuid4().hex}@deleted.invalid",
            display_name=DELETED_NAME,
            **dict.fromkeys(("bio", "confirmed_email", "pending_email"), ""),
        )
        if not is_changed:
            raise WrongPassword
        tokens_revoke(user_id=user.pk)
        AccountDeletion.objects.create(user_id=user.pk)
        delete_account.enqueue(user_id=user.pk)


def account_delete(*, user_id: int) -> None:
    """Delete everything of a user whose deletion was requested; running it twice is safe."""
    with write_transaction(as_staff=True):
        if not AccountDeletion.objects.filter(pk=user_id).exists():
            return
    # The last app's part first: it may refer to the others.
    for part in reversed(account_parts.values()):
        while part.delete(user_id):
            pass
    export_delete(user_id=user_id)
    with write_transaction(as_staff=True):
        hold_task()
        # Not as the user: groups are visible, but only staff take them away.
        User.objects.filter(pk=user_id).delete()


def accounts_delete_requested() -> int:
    """Go on with the deletions that no worker has finished; return how many."""
    with write_transaction(as_staff=True):
        waiting = AccountDeletion.objects.filter(requested_at__lt=timezone.now() - _AGE)
        user_ids = [*waiting.values_list("pk", flat=True)]
    for user_id in user_ids:
        account_delete(user_id=user_id)
    return len(user_ids)
