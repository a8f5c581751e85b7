"""Changes to novels that exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone

from novels.models import Novel, NovelUpload
from novels.search.documents import documents_rebuild, novel_document_rebuild

# Columns of the novel's own search document.
_SEARCHED = {"title", "author", "synopsis"}


@transaction.atomic(savepoint=False)
def novel_update(*, novel_id: int, changes: Mapping[str, Any]) -> Novel:
    """Set columns and rebuild the search documents that show them; return the novel.

    Raises:
        Novel.DoesNotExist: There is no such novel, or the user may not change it.
    """
    novel: Novel = Novel.objects.select_for_update(of=("self",), no_key=True).get(pk=novel_id)
    changed = {name for name, value in changes.items() if getattr(novel, name) != value}
    if not changed:
        return novel
    for name in changed:
        setattr(novel, name, changes[name])
    novel.save(update_fields=[*changed, "updated_at"])
    if "language" in changed:
        documents_rebuild(novel_id=novel_id)
    elif changed & _SEARCHED:
        novel_document_rebuild(novel_id=novel_id)
    return novel


@transaction.atomic(savepoint=False)
def novel_delete(*, novel_id: int) -> None:
    """Delete a novel and its rows; its file is deleted after the commit.

    Raises:
        Novel.DoesNotExist: There is no such novel, or the user may not change it.
    """
    # The lock waits for a parse that stores chapters; a later parse finds no novel.
    novel = Novel.objects.select_for_update(of=("self",)).only("id").get(pk=novel_id)
    paths = list(NovelUpload.objects.filter(novel_id=novel_id).values_list("path", flat=True))
    novel.delete()
    for path in paths:
        transaction.on_commit(partial(storages["uploads"].delete, path), robust=True)


@transaction.atomic(savepoint=False)
def novel_set_visibility(*, novel_ids: Iterable[int], is_public: bool) -> int:
    """Publish or withdraw novels; return how many changed."""
    rows = Novel.objects.select_for_update(of=("self",), no_key=True).order_by("pk")
    changing = list(
        rows.of_ids(novel_ids).exclude(is_public=is_public).values_list("pk", flat=True)
    )
    return Novel.objects.of_ids(changing).update(is_public=is_public, updated_at=timezone.now())
