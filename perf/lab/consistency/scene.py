"""The rows of a run: a few hot novels and comics of two owners."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from secrets import token_hex

from .history import Write
from .rows import Comic, Novel, panels_show, user_shows

OWNERS = 2
# Of the e-mail addresses of users that are made here.
DOMAIN = "@checker.invalid"
GENRES = ["fantasy", "horror"]
LANGUAGES = ["de", "en"]


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of rows; fewer are hotter."""

    novels: int = 10
    strips: int = 4
    slots: int = 6


@dataclass(frozen=True, slots=True)
class Owner:
    """A user whose rows are written; `token` logs the user in."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Ids of the rows, and their states at the beginning.

    Attributes:
        novels: State by id.
        strips: Comics that stay and get panels: state by id.
        strip_novels: The novel of a strip, by the strip's id.
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
        """Return the first states as writes that were acknowledged long ago."""
        shows = {f"user {owner.id}": user_shows("Name v0", "Bio v0") for owner in self.owners}
        shows |= {f"novel {pk}": state.shows for pk, state in self.novels.items()}
        shows |= {f"status {pk}": {"status": "v0"} for pk in self.novels}
        shows |= {f"text {pk}": {"text": "v0"} for pk in self.novels}
        shows |= {f"strip {pk}": state.shows(pk) for pk, state in self.strips.items()}
        shows |= {f"panels {pk}": panels_show([]) for pk in self.strips}
        shows |= {slot: {} for slot in self.slots}
        return [Write(row, values, 0.0, 0.0) for row, values in shows.items()]


class ForeignData(Exception):
    """The database has users that were not made here."""


def build_scene(size: Size) -> Scene:
    """Delete all novels and comics and make the hot ones.

    Raises:
        ForeignData: There are users that were not made here.
    """
    from comics.models import Comic as ComicRow
    from morpheus.db.transactions import write_transaction
    from novels.models import Novel as NovelRow
    from users.models import User

    with write_transaction(as_staff=True):
        if User.objects.exclude(email__endswith=DOMAIN).exists():
            raise ForeignData("There are other users in this database: its novels stay.")
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
            strip_id = _make_comic(comic, owners[at].id, novel_id)
            strips[strip_id], strip_novels[strip_id] = comic, novel_id
            owner_of[f"strip {strip_id}"] = at
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


def _make_comic(state: Comic, owner_id: int, novel_id: int) -> int:
    from comics.models import Comic as ComicRow
    from morpheus.db.transactions import write_transaction

    with write_transaction(as_user=owner_id):
        row = ComicRow.objects.create(
            title=state.title, owner_id=owner_id, novel_id=novel_id, is_public=True
        )
        return int(row.pk)


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
