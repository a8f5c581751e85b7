"""Every write to novels; callers open the transaction as a user (`write_transaction`)."""

from novels.services.novels import novel_delete, novel_set_visibility, novel_update
from novels.services.parsed import novel_store_parsed
from novels.services.processing import upload_parse
from novels.services.sandboxed import check_upload
from novels.services.status import NovelGone, status_advance, status_fail
from novels.services.uploads import (
    NothingToParse,
    UploadExists,
    novel_create_from_upload,
    novel_import,
    novel_reparse,
)

__all__ = [
    "NothingToParse",
    "NovelGone",
    "UploadExists",
    "check_upload",
    "novel_create_from_upload",
    "novel_delete",
    "novel_import",
    "novel_reparse",
    "novel_set_visibility",
    "novel_store_parsed",
    "novel_update",
    "status_advance",
    "status_fail",
    "upload_parse",
]
