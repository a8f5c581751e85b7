"""WSGI entry point that granian serves."""

import gc
import os
import sys
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from morpheus.cache.response_cache import ResponseCache
from morpheus.db.statement_settings import set_serving_limits
from morpheus.http import log_stream
from morpheus.serving.cross_origin import CrossOrigin
from morpheus.serving.draining import Draining
from morpheus.serving.process_tuning import pin, return_large_blocks
from morpheus.serving.transfers import transfers
from morpheus.tracing import events, periodic

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "morpheus.settings")

site = get_wsgi_application()
# Imports DRF, which needs the apps to be loaded.
request_bulkheads = import_module("morpheus.serving.request_bulkheads")
bulkheads = request_bulkheads.RequestBulkheads(settings.MORPHEUS_THREADS)
served: Any = ResponseCache(site, bulkheads.run)
if settings.CORS_ALLOWED_ORIGINS:
    served = CrossOrigin(served)
application = Draining(served)
# Before the first request opens the pool.
set_serving_limits(settings.DATABASES["default"])
events.start()
log_stream.start()
periodic.start()
transfers.start()
application.start()
# Views are imported by the first request otherwise.
import_module(settings.ROOT_URLCONF)
# The program's own objects stay for good. Each full garbage collection went through all of them,
# and every request waited for 110 ms; now it goes through later objects only.
gc.collect()
gc.freeze()
# Objects that a collection of the youngest ones waits for. Python's 700 are three lists, and nearly
# all that it would look at is in use by a request.
gc.set_threshold(10_000)
# Seconds after which a computing thread yields. Beside a long rendering, a thread that waited for a
# statement goes on five times sooner than with Python's 5 ms.
sys.setswitchinterval(0.001)
# So the server's memory shrinks again after pictures of 20 MB.
return_large_blocks()
if settings.MORPHEUS_PIN:
    pin()
