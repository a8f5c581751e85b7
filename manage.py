#!/usr/bin/env python
"""Run Django's management commands for Morpheus."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "morpheus.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Error in the settings: {error}")
    except OperationalError as error:
        sys.exit(
            f"The database is not reachable: {error}\n"
            "`manage.py services up` starts the embedded one; `make run` starts everything."
        )
