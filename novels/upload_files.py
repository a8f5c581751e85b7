"""Where uploaded files are kept, and what their names tell."""

from __future__ import annotations

import uuid
from pathlib import PurePath

from morpheus.db.name_fields import clean_imported_name
from novels.parsing import FileFormat


def default_title(filename: str) -> str:
    """Return what a novel is called until its file is parsed: the name of the file."""
    return clean_imported_name(PurePath(filename).stem.replace("_", " "))[:300] or "Untitled"


def new_path(file_format: FileFormat) -> str:
    """Return a path that nobody can guess and no client chose; folders stay small."""
    name = uuid.uuid4().hex
    return f"novels/{name[:2]}/{name}.{file_format}"
