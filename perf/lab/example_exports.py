"""A complete export of a user, for example requests that read one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from morpheus.db.transactions import write_transaction
from users.models import AccountExport

_CONTENT = b"example" * 1000


@contextmanager
def example_export(user_id: int) -> Iterator[int]:
    """Yield the id of an export in place of the user's own; delete row and file afterwards."""
    name = uuid.uuid4().hex
    path = storages["exports"].save(f"{name[:2]}/{name}.zip", ContentFile(_CONTENT))
    with write_transaction(as_user=user_id):
        AccountExport.objects.filter(user_id=user_id).delete()
        export = AccountExport.objects.create(
            user_id=user_id,
            state=AccountExport.State.COMPLETED,
            progress=100,
            path=path,
            size_bytes=len(_CONTENT),
            expires_at=timezone.now() + timedelta(days=1),
        )
    try:
        yield export.pk
    finally:
        with write_transaction(as_user=user_id):
            AccountExport.objects.filter(pk=export.pk).delete()
        storages["exports"].delete(path)
