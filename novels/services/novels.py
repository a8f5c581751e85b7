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

from morpheus.db.compiled_reads import AnyOf
from morpheus.db.write_pipeline import with_next_statement
from morpheus.storage.files import delete_objects, find_folder
from novels.models import Novel, NovelUpload
from novels.querysets import NovelQuerySet
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
    _delete_locked([novel.pk])


@transaction.atomic(savepoint=False)
def own_novels_delete(*, novel_ids: Iterable[int], owner_id: int) -> set[int]:
    """Delete those of the novels that are the owner's, as `novel_delete`; return their ids."""
    rows = Novel.objects.owned_by(owner_id).of_ids(novel_ids).order_by("pk")
    locked = [*rows.select_for_update(of=("self",)).values_list("pk", flat=True)]
    if locked:
        _delete_locked(locked)
    return {*locked}


@transaction.atomic(savepoint=False)
def novel_set_visibility(*, novel_ids: Iterable[int], is_public: bool) -> int:
    """Publish or withdraw novels; return how many changed."""
    _, changed = _set_visibility(Novel.objects.of_ids(novel_ids), is_public)
    return changed


@transaction.atomic(savepoint=False)
def own_novels_set_visibility(
    *, novel_ids: Iterable[int], owner_id: int, is_public: bool
) -> set[int]:
    """Publish or withdraw those of the novels that are the owner's; return their ids."""
    own, _ = _set_visibility(Novel.objects.owned_by(owner_id).of_ids(novel_ids), is_public)
    return own


def _set_visibility(rows: NovelQuerySet, is_public: bool) -> tuple[set[int], int]:
    """Lock the rows and change their visibility; return their ids, and how many changed."""
    in_order = rows.order_by("pk").select_for_update(of=("self",), no_key=True)
    locked = dict(in_order.values_list("pk", "is_public"))
    changing = [pk for pk, was_public in locked.items() if was_public != is_public]
    if changing:
        columns = {"is_public": is_public, "updated_at": timezone.now()}
        Novel.objects.of_ids(changing).update(**columns)
    return {*locked}, len(changing)


def _delete_locked(novel_ids: list[int]) -> None:
    uploads = NovelUpload.objects.filter(AnyOf("novel_id", novel_ids))
    paths = list(uploads.values_list("path", flat=True))
    Novel.objects.of_ids(novel_ids).delete()

    def delete_files() -> None:  # Not a partial: Django logs the error of a function alone.
        if find_folder("uploads") is None:
            delete_objects("uploads", paths)
            return
        for path in paths:
            storages["uploads"].delete(path)

    transaction.on_commit(delete_files, robust=True)
