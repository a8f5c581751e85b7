from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / ".env.example"
CODE = [
    path
    for folder in ("morpheus", "users", "novels", "comics", "perf")
    for path in (REPOSITORY / folder).rglob("*.py")
]
SHOW = """
import json
from django.conf import settings
names = ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASES", "CACHES"]
names += ["MORPHEUS_VAR", "MORPHEUS_MAX_UPLOAD_BYTES"]
names += ["SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD"]
print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
"""


def variables_read() -> Iterator[tuple[str, ast.expr | None]]:
    """Yield each variable that the code reads, with the expression of its default."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            first, called = node.args[0], ast.unparse(node.func)
            reads = called.startswith(("env.", "os.environ.get")) or called in (
                "_credentials",
                "text",
            )
            if reads and isinstance(first, ast.Constant) and isinstance(first.value, str):
                defaults = [word.value for word in node.keywords if word.arg == "default"]
                yield first.value, defaults[0] if defaults else None


def variables_listed() -> dict[str, str]:
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))


def format_default(value: Any) -> str:
    """Return a default as it is written in `.env`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Import the settings in a checkout of their own, with `dotenv` as its `.env`."""
    unseen = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "morpheus", tmp_path / "morpheus", ignore=unseen)

    def run(dotenv: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / ".env").write_text(dotenv)
        return subprocess.run(
            [sys.executable, "-c", SHOW],
            cwd=tmp_path,
            env={"PATH": os.defpath, "DJANGO_SETTINGS_MODULE": "morpheus.settings"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_example_lists_every_variable_that_is_read_and_no_other() -> None:
    # Two are read before settings exist.
    others = {"DJANGO_SETTINGS_MODULE", "PROMETHEUS_MULTIPROC_DIR"}
    read = {name for name, _ in variables_read()} - others

    listed = {name for name in variables_listed() if not name.startswith("MORPHEUS_TEST_")}

    assert listed == read


def test_every_name_has_the_prefix_unless_it_is_dictated() -> None:
    dictated = {"SECRET_KEY", "ALLOWED_HOSTS", "DEBUG", "CSRF_TRUSTED_ORIGINS", "REDIS_URL"}
    dictated |= {"DATABASE_URL", "ADMINS", "SERVER_EMAIL", "EMAIL_URL", "SECRET_KEY_FALLBACKS"}
    dictated |= {"OTEL_EXPORTER_OTLP_ENDPOINT", "SENTRY_DSN", "DEFAULT_FROM_EMAIL"}
    dictated |= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    roles = ("OWNER", "LOADER", "ADMIN", "REPLICA")
    dictated |= {f"DATABASE_{role}_URL" for role in roles}

    others = {name for name in variables_listed() if not name.startswith("MORPHEUS_")}

    assert others == dictated


def test_the_example_has_the_true_defaults() -> None:
    listed = variables_listed()
    defaults: dict[str, Any] = {}
    for name, expression in variables_read():
        try:
            defaults[name] = ast.literal_eval(expression) if expression else ""
        except ValueError:
            continue

    for name, default in defaults.items():
        if not name.endswith("_URL") and default != "":
            assert listed[name] == format_default(default), name


def test_the_example_as_it_is_changes_nothing(settings_of: Callable[..., Any]) -> None:
    result = settings_of(EXAMPLE.read_text())

    assert json.loads(result.stdout)["MORPHEUS_MAX_UPLOAD_BYTES"] == 25 * 1024 * 1024, result.stderr


def test_the_file_is_read_as_it_is_written(settings_of: Callable[..., Any], tmp_path: Path) -> None:
    result = json.loads(
        settings_of(
            "SECRET_KEY=$not#a comment\nALLOWED_HOSTS=a.example, b.example\n"
            "MORPHEUS_VAR=elsewhere\nMORPHEUS_MAX_UPLOAD_MB=1\n",
            MORPHEUS_MAX_UPLOAD_MB="2",
        ).stdout
    )

    assert result["SECRET_KEY"] == "$not#a comment"
    assert result["ALLOWED_HOSTS"] == ["a.example", "b.example"]
    assert result["MORPHEUS_VAR"] == str(tmp_path / "elsewhere")
    assert result["MORPHEUS_MAX_UPLOAD_BYTES"] == 2 * 1024 * 1024


def test_an_empty_variable_counts_as_not_set(settings_of: Callable[..., Any]) -> None:
    result = json.loads(
        settings_of(MORPHEUS_MAX_UPLOAD_MB="", ALLOWED_HOSTS="", DATABASE_URL="").stdout
    )

    assert result["MORPHEUS_MAX_UPLOAD_BYTES"] == 25 * 1024 * 1024
    assert "localhost" in result["ALLOWED_HOSTS"]
    assert result["DATABASES"]["default"]["USER"] == "morpheus_app"


def test_one_thread_has_a_pool_of_one(settings_of: Callable[..., Any]) -> None:
    database = json.loads(settings_of(MORPHEUS_THREADS="1").stdout)["DATABASES"]["default"]

    pool = database["OPTIONS"]["pool"]
    assert (pool["min_size"], pool["max_size"]) == (1, 1)


@pytest.mark.parametrize(
    ("environment", "hsts"),
    [
        ({}, (3600, False, False)),
        ({"MORPHEUS_HTTPS": "off", "MORPHEUS_HSTS_SECONDS": "60"}, (0, False, False)),
        ({"MORPHEUS_HSTS_SECONDS": "60"}, (60, False, False)),
        ({"MORPHEUS_HSTS_SECONDS": "0"}, (0, False, False)),
        ({"MORPHEUS_HSTS_SUBDOMAINS": "on", "MORPHEUS_HSTS_PRELOAD": "on"}, (3600, True, True)),
    ],
)
def test_hsts_binds_this_host_for_an_hour_unless_settings_say_more(
    settings_of: Callable[..., Any], environment: dict[str, str], hsts: tuple[int, bool, bool]
) -> None:
    result = json.loads(settings_of(**environment).stdout)

    names = ("SECONDS", "INCLUDE_SUBDOMAINS", "PRELOAD")
    assert tuple(result[f"SECURE_HSTS_{name}"] for name in names) == hsts


def test_a_database_url_is_read_as_psql_reads_it(settings_of: Callable[..., Any]) -> None:
    url = "postgresql://app:a%23p%2Fp%40%25%3A%3F@db:6432/novels?sslmode=require&connect_timeout=3"

    database = json.loads(settings_of(DATABASE_URL=url).stdout)["DATABASES"]["default"]

    assert [database[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        *("novels", "app", "a#p/p@%:?", "db", "6432")
    ]
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["connect_timeout"] == "3"
    assert database["OPTIONS"]["server_side_binding"] is True


@pytest.mark.parametrize(
    ("url", "locations"),
    [
        ("redis://:a%2Fb@cache:6379/", ["redis://:a%2Fb@cache:6379/?db=4", "?db=5"]),
        ("rediss://cache?ssl_cert_reqs=none", ["rediss://cache?ssl_cert_reqs=none&db=4", "&db=5"]),
        ("unix:///run/redis.sock", ["unix:///run/redis.sock?db=4", "?db=5"]),
        ("redis+sentinel://:a%2Fb@s1,s2/main", ["redis://:a%2Fb@main?db=4", "@main?db=5"]),
    ],
)
def test_each_use_of_redis_has_its_database(
    settings_of: Callable[..., Any], url: str, locations: list[str]
) -> None:
    caches = json.loads(settings_of(REDIS_URL=url, MORPHEUS_CACHE_DATABASE_BASE="4").stdout)[
        "CACHES"
    ]

    assert caches["default"]["LOCATION"] == locations[0]
    assert caches["values"]["LOCATION"].endswith(locations[1])


def test_sentinels_have_hosts_and_ports(settings_of: Callable[..., Any]) -> None:
    url = "redis+sentinel://s1,s2:26380,[::1]:26381/main"

    caches = json.loads(settings_of(REDIS_URL=url).stdout)["CACHES"]

    sentinels = [["s1", 26379], ["s2", 26380], ["::1", 26381]]
    assert [each["OPTIONS"]["SENTINELS"] for each in caches.values()] == [sentinels] * 3


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("MORPHEUS_THREADS", "many", "MORPHEUS_THREADS must be a whole number, not 'many'."),
        ("MORPHEUS_THREADS", "0", "MORPHEUS_THREADS must be at least 1, not 0."),
        ("MORPHEUS_MAX_UPLOAD_MB", "-1", "MORPHEUS_MAX_UPLOAD_MB must be at least 1, not -1."),
        (
            "MORPHEUS_TOKEN_TTL_DAYS",
            "99999",
            "MORPHEUS_TOKEN_TTL_DAYS must be at least 1 and at most 36500",
        ),
        ("MORPHEUS_POOL_TIMEOUT_S", "nan", "MORPHEUS_POOL_TIMEOUT_S must be a number"),
        ("MORPHEUS_POOL_TIMEOUT_S", "5s", "MORPHEUS_POOL_TIMEOUT_S must be a number"),
        ("MORPHEUS_HTTPS", "flase", "MORPHEUS_HTTPS must be on or off, not 'flase'."),
        ("MORPHEUS_LOG_LEVEL", "loud", "MORPHEUS_LOG_LEVEL must be one of DEBUG, INFO,"),
        ("DATABASE_URL", "mysql://app:secret@db/novels", "DATABASE_URL must be like postgresql:"),
        ("DATABASE_URL", "postgresql://app:secret/x@db/novels", "DATABASE_URL must be like"),
        ("DATABASE_URL", "postgresql://app:%secret@db/novels", "DATABASE_URL must be like"),
        ("DATABASE_OWNER_URL", "postgresql://app:secret@db", "DATABASE_OWNER_URL must be like"),
        ("REDIS_URL", "http://:secret@cache", "REDIS_URL must be like redis://"),
        ("REDIS_URL", "redis://:secret@cache/3", "REDIS_URL must be like redis://"),
        ("REDIS_URL", "redis://cache?db=3", "REDIS_URL must be like redis://"),
        ("REDIS_URL", "redis://:se#cret@cache", "REDIS_URL must be like redis://"),
        ("REDIS_URL", "redis+sentinel://:secret@s1,,s2/main", "REDIS_URL must be like"),
        ("REDIS_URL", "redis+sentinel://:secret@s1,s2/Main", "REDIS_URL must be like"),
        ("REDIS_URL", "redis+sentinel://:secret@s1,s2/main/3", "REDIS_URL must be like"),
    ],
)
def test_an_unreadable_value_is_refused_in_a_sentence(
    variable: str, value: str, sentence: str, tmp_path: Path
) -> None:
    response = subprocess.run(
        [sys.executable, "manage.py", "run"],
        cwd=REPOSITORY,
        env={"PATH": os.defpath, "MORPHEUS_VAR": str(tmp_path), variable: value},
        capture_output=True,
        text=True,
        check=False,
    )

    assert response.returncode == 1
    assert response.stderr.startswith(f"Error in the settings: {sentence}"), response.stderr
    assert "Traceback" not in response.stderr
    assert "secret" not in response.stderr


def test_importing_settings_writes_nothing(settings_of: Callable[..., Any], tmp_path: Path) -> None:
    command = [sys.executable, "-B", "-c", "import morpheus.settings"]
    before = sorted(tmp_path.rglob("*"))

    subprocess.run(command, cwd=tmp_path, env={"PATH": os.defpath}, check=True)

    assert sorted(tmp_path.rglob("*")) == before
