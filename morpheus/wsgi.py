"""WSGI entry point that granian serves."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from morpheus.cache.answers import FastLane
from morpheus.cores import pin
from morpheus.db.limits import limit_statements
from morpheus.observing import pulse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "morpheus.settings")

application = FastLane(get_wsgi_application())
# Before the first request opens the pool.
limit_statements(settings.DATABASES["default"])
pulse.start()
if settings.SERVER_PINNED:
    pin()
