"""What the database holds when a run begins: a few hot rows of two owners."""

from __future__ import annotations

import itertools
import struct
import zlib
from dataclasses import dataclass
from secrets import token_hex

from .history import Write
from .rows import Comic, Novel, panels_show, user_shows

OWNERS = 2
# Of the e-mail addresses of users that were made here.
DOMAIN = "@checker.invalid"
GENRES = ["fantasy", "horror"]
LANGUAGES = ["de", "en"]


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows there are; fewer are hotter."""

    novels: int = 10
    strips: int = 4
    slots: int = 6


@dataclass(frozen=True, slots=True)
class Owner:
    """A user whose rows are written; `token` logs them in."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Ids of the rows, and their states at the beginning.

    Attributes:
        novels: State by id; the owner is that of `owner_of`.
        strips: Comics that stay and get panels: state by id.
        strip_novels: The novel that a strip is made from, by the strip's id.
        slots: Names of comics that come and go.
        owner_of: Index in `owners` by row.
    """

    owners: list[Owner]
    novels: dict[int, Novel]
    strips: dict[int, Comic]
    strip_novels: dict[int, int]
    slots: list[str]
    owner_of: dict[str, int]

    def first_writes(self) -> list[Write]:
        """Return the states at the beginning as writes that were acknowledged long ago."""
        shown = {f"user {owner.id}": user_shows("Name v0", "Bio v0") for owner in self.owners}
        shown |= {f"novel {pk}": state.shows for pk, state in self.novels.items()}
        shown |= {f"status {pk}": {"status": "v0"} for pk in self.novels}
        shown |= {f"text {pk}": {"text": "v0"} for pk in self.novels}
        shown |= {f"strip {pk}": state.shows(pk) for pk, state in self.strips.items()}
        shown |= {f"panels {pk}": panels_show([]) for pk in self.strips}
        shown |= {slot: {} for slot in self.slots}
        return [Write(row, shows, 0.0, 0.0) for row, shows in shown.items()]


class NotOurs(Exception):
    """The database belongs to people."""


def build(size: Size) -> Scene:
    """Delete all novels and comics and make the hot ones.

    Raises:
        NotOurs: There are users who were not made here.
    """
    from comics.models import Comic as ComicRow
    from morpheus.db.transactions import write_transaction
    from novels.models import Novel as NovelRow
    from users.models import User

    with write_transaction(as_staff=True):
        if User.objects.exclude(email__endswith=DOMAIN).exists():
            raise NotOurs("There are other users in this database: its novels stay.")
        ComicRow.objects.all().delete()
        NovelRow.objects.all().delete()
    owners = [_make_owner() for _ in range(OWNERS)]
    turns = itertools.cycle(range(OWNERS))
    novels: dict[int, Novel] = {}
    strips: dict[int, Comic] = {}
    strip_novels: dict[int, int] = {}
    owner_of = {f"user {owner.id}": at for at, owner in enumerate(owners)}
    for number in range(size.novels):
        state = Novel(f"a {number} v0", f"{number} v0", "public", GENRES[0], LANGUAGES[0])
        at = next(turns)
        novel_id = _make_novel(state, owners[at].id)
        novels[novel_id] = state
        owner_of[f"novel {novel_id}"] = at
        if number < size.strips:
            comic = Comic(f"Strip {number} v0", "public")
            with write_transaction(as_user=owners[at].id):
                row = ComicRow.objects.create(
                    title=comic.title, owner_id=owners[at].id, novel_id=novel_id, is_public=True
                )
            strips[row.pk], strip_novels[row.pk] = comic, novel_id
            owner_of[f"strip {row.pk}"] = at
    slots = [f"Slot {number}" for number in range(size.slots)]
    owner_of |= {slot: next(turns) for slot in slots}
    return Scene(owners, novels, strips, strip_novels, slots, owner_of)


def _make_owner() -> Owner:
    from morpheus.db.transactions import write_transaction
    from users.models import User
    from users.services import token_create

    email = f"{token_hex(8)}{DOMAIN}"
    user = User.objects.create_user(email, token_hex(16), display_name="Name v0")
    with write_transaction(as_user=user.pk):
        User.objects.filter(pk=user.pk).update(bio="Bio v0")
    secret, _ = token_create(user=user)
    return Owner(user.pk, secret)


def _make_novel(state: Novel, owner_id: int) -> int:
    from morpheus.db.transactions import write_transaction
    from novels.models import Chapter, ChapterText, Genre, Language, ProcessingStatus
    from novels.models import Novel as NovelRow
    from users.models import belonging_to

    with write_transaction(as_user=owner_id):
        novel = NovelRow.objects.create(
            title=state.title,
            synopsis=state.synopsis,
            is_public=True,
            genre=Genre.objects.get(slug=state.genre),
            language=Language.objects.get(code=state.language),
            owner_id=owner_id,
            chapter_count=1,
            word_count=1,
        )
        belongs = belonging_to(novel)
        ProcessingStatus.objects.create(novel=novel, state="processing", stage="v0", **belongs)
        chapter = Chapter.objects.create(
            novel=novel, number=1, title="One", word_count=1, **belongs
        )
        ChapterText.objects.create(chapter=chapter, content="v0", **belongs)
        return int(novel.pk)


def tiny_picture() -> bytes:
    """Return a PNG of 64 grey pixels, without needing a library for pictures."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\x00" + bytes(range(0, 240, 30))) * 8)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )
