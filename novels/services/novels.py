"""Changes to novels that exist.

`owner_id` is the owner; None is staff, whose identity may change every novel. Without such a novel,
or the right to change it, a change raises `Novel.DoesNotExist`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone

from morpheus.db.write_pipeline import with_next_statement
from novels.models import Novel, NovelUpload
from novels.search.documents import documents_rebuild, novel_document_rebuild
from users.querysets import LockingRead

_LOCKED = LockingRead(Novel)
# Columns of the novel's own search document.
_SEARCHED = {"title", "author", "synopsis"}


@transaction.atomic(savepoint=False)
def novel_update(
    *, novel_id: int, changes: Mapping[str, Any], owner_id: int | None = None
) -> Novel:
    """Set columns and rebuild the search documents that show them; return the novel."""
    novel: Novel = _LOCKED.get(novel_id, owner_id)
    changed = {
        name
        for name, value in changes.items()
        # A relation's key: its old row need not be read.
        if novel.serializable_value(name) != getattr(value, "pk", value)
    }
    if not changed:
        return novel
    columns = {name: changes[name] for name in changed} | {"updated_at": timezone.now()}
    for name, value in columns.items():
        setattr(novel, name, value)
    with with_next_statement():
        # Not `save()`, which needs the number of rows. The row is locked, so it exists.
        Novel.objects.filter(pk=novel_id).update(**columns)
        if "language" in changed:
            documents_rebuild(novel_id=novel_id)
        elif changed & _SEARCHED:
            novel_document_rebuild(novel_id=novel_id)
    return novel


@transaction.atomic(savepoint=False)
def novel_delete(*, novel_id: int, owner_id: int | None = None) -> None:
    """Delete a novel and its rows; its file is deleted after the commit."""
    rows = Novel.objects.all() if owner_id is None else Novel.objects.owned_by(owner_id)
    # The lock waits for a parse that stores chapters; a later parse finds no novel.
    novel = rows.select_for_update(of=("self",)).only("id").get(pk=novel_id)
    paths = list(NovelUpload.objects.filter(novel_id=novel_id).values_list("path", flat=True))
    novel.delete()

    def delete_files() -> None:  # Not a partial: Django logs the error of a function alone.
        for path in paths:
            storages["uploads"].delete(path)

    transaction.on_commit(delete_files, robust=True)


@transaction.atomic(savepoint=False)
def novel_set_visibility(*, novel_ids: Iterable[int], is_public: bool) -> int:
    """Publish or withdraw novels; return how many changed."""
    rows = Novel.objects.select_for_update(of=("self",), no_key=True).order_by("pk")
    changing = list(
        rows.of_ids(novel_ids).exclude(is_public=is_public).values_list("pk", flat=True)
    )
    return Novel.objects.of_ids(changing).update(is_public=is_public, updated_at=timezone.now())
