"""What the worker writes, by its own services, in a process of its own; orders come by stdin.

`step NOVEL OWNER PERCENT` writes one step of a parse, `parse NOVEL OWNER` parses an upload from
start to end. Each is answered by `ok`, or by what went wrong.
"""

from __future__ import annotations

import sys

import django


def main() -> None:
    """Do what each line says until there are no more."""
    django.setup()
    for line in sys.stdin:
        try:
            _do(*line.split())
            said = "ok"
        except Exception as error:  # Whatever it is, the run goes on and counts it.
            said = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(said, flush=True)


def _do(order: str, *numbers: str) -> None:
    from novels.services import status_advance, upload_parse

    if order == "step":
        novel_id, owner_id, percent = map(int, numbers)
        status_advance(novel_id=novel_id, owner_id=owner_id, stage="reading", progress=percent)
    elif order == "parse":
        novel_id, owner_id = map(int, numbers)
        upload_parse(novel_id=novel_id, owner_id=owner_id, given=["title"])
    elif order != "ping":
        raise ValueError(f"No such order: {order}")


if __name__ == "__main__":
    main()
