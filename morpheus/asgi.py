"""ASGI entry point of the process that holds event streams."""

import os
from importlib import import_module
from typing import Any

# Streams read what has changed from the database: a change by psql invalidates cached values a
# moment later. The threads, and so the connections, are few, because streams need none.
os.environ |= {"MORPHEUS_CACHE": "off", "MORPHEUS_THREADS": "4"}
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "morpheus.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from morpheus.db.statement_settings import set_serving_limits
from morpheus.http import log_stream
from morpheus.serving.cross_origin import CrossOrigin
from morpheus.tracing import events

site: Any = get_wsgi_application()
if settings.CORS_ALLOWED_ORIGINS:
    site = CrossOrigin(site)
# Imports DRF, which needs the apps to be loaded.
application = import_module("morpheus.events.application").EventsApplication(
    site, settings.MORPHEUS_THREADS
)
# Before the first request opens the pool.
set_serving_limits(settings.DATABASES["default"])
events.start()
log_stream.start()
import_module(settings.ROOT_URLCONF)
