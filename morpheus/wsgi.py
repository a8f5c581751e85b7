"""WSGI entry point that granian serves."""

import gc
import os
import sys
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from morpheus.cache.response_cache import ResponseCache
from morpheus.db.statement_settings import limit_statements
from morpheus.serving.process_tuning import pin, return_large_blocks
from morpheus.serving.transfers import transfers
from morpheus.tracing import periodic

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "morpheus.settings")

site = get_wsgi_application()
# Imports DRF, which needs the apps to be loaded.
bulkheads = import_module("morpheus.serving.request_bulkheads").RequestBulkheads(
    settings.MORPHEUS_THREADS
)
application = ResponseCache(site, bulkheads.run)
# Before the first request opens the pool.
limit_statements(settings.DATABASES["default"])
periodic.start()
transfers.start()
# Views are imported by the first request otherwise.
import_module(settings.ROOT_URLCONF)
# What the program is made of stays. Each full collection went through it all, with every request
# waiting for 110 ms; now it goes through what came later.
gc.collect()
gc.freeze()
# A thread that computes hands over after so many seconds. Beside one that renders for long, who
# waits for a statement's answer is on again five times as soon as by Python's 5 ms.
sys.setswitchinterval(0.001)
# After pictures of 20 MB the server is as large as before.
return_large_blocks()
if settings.MORPHEUS_PIN:
    pin()
