"""A project of a few lines with Morpheus' commands, and steps, server and worker to run."""

from __future__ import annotations

import os
from pathlib import Path

MANAGE = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
SETTINGS = """
import os
from pathlib import Path
from morpheus.embedded.addresses import Addresses
BASE_DIR = Path(__file__).parent
MORPHEUS_VAR = Path(os.environ["MORPHEUS_VAR"])
MORPHEUS_PIN = True
MORPHEUS_THREADS = 2
MORPHEUS_PROCESSES = 1
MORPHEUS_DRAIN_S = 0
MORPHEUS_STOP_TIMEOUT_S = 5
MORPHEUS_SERVING_LIMITS_MS = {}
MORPHEUS_PGBOUNCER = False
MORPHEUS_TRUSTED_PROXIES = 0
MORPHEUS_TRANSFER_GRACE_S = 10
MORPHEUS_EVENT_STREAMS = 10
CORS_ALLOWED_ORIGINS = []
_LOGIN = {
    "HOST": str(Addresses.under(MORPHEUS_VAR).socket_dir),
    "PORT": "5432",
    "USER": "morpheus_owner",
    "PASSWORD": "",
}
DATABASES = {
    "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "morpheus", "OPTIONS": {}}
    | _LOGIN
}
MORPHEUS_DATABASE_ROLES = {"owner": _LOGIN}
SECRET_KEY = "not secret"
ALLOWED_HOSTS = ["localhost"]
INSTALLED_APPS = ["small", "frame.Frame"]
ROOT_URLCONF = "small.urls"
USE_TZ = True
"""
# Morpheus' commands without its settings and checks.
FRAME = """
from django.apps import AppConfig
class Frame(AppConfig):
    name = "morpheus"
"""
URLS = """
import os
from django.http import HttpResponse
from django.urls import path
def readyz(request):
    return HttpResponse("ready")
def crash(request):
    os._exit(3)
urlpatterns = [path("readyz", readyz), path("healthz", readyz), path("crash", crash)]
"""
STEP = """
import os, sys, time
from django.core.management.base import BaseCommand
from django.db.migrations.autodetector import MigrationAutodetector
class Command(BaseCommand):
    requires_system_checks = []
    autodetector = MigrationAutodetector  # `check` looks for it on migrate.
    def add_arguments(self, parser):
        parser.add_argument("--if-empty", action="store_true")
    def handle(self, **options):
        print("step {name}", flush=True)
        if os.environ.get("FAILING_STEP") == "{name}":
            sys.exit(5)
        time.sleep(float(os.environ.get("SECONDS_OF_A_STEP", 0)))
"""
WORKER = """
import time
from django.core.management.base import BaseCommand
class Command(BaseCommand):
    requires_system_checks = []
    def handle(self, **options):
        print("worker works", flush=True)
        time.sleep(60)
"""


def write_project(folder: Path) -> None:
    commands = folder / "small" / "management" / "commands"
    commands.mkdir(parents=True)
    for package in (folder / "small", commands.parent, commands):
        (package / "__init__.py").touch()
    (folder / "manage.py").write_text(MANAGE)
    (folder / "small_settings.py").write_text(SETTINGS)
    (folder / "frame.py").write_text(FRAME)
    (folder / "small" / "urls.py").write_text(URLS)
    for name in ("migrate", "seed", "operator"):
        (commands / f"{name}.py").write_text(STEP.replace("{name}", name))
    (commands / "worker.py").write_text(WORKER)


def environment(var: Path, repository: Path) -> dict[str, str]:
    """Return the environment of the small project's `manage.py`."""
    return {
        # The servers of a matrix row may be in its PATH.
        "PATH": os.environ["PATH"],
        "MORPHEUS_VAR": str(var),
        "DJANGO_SETTINGS_MODULE": "small_settings",
        "PYTHONPATH": str(repository),
    }
