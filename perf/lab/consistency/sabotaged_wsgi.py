"""WSGI entry point like `morpheus.wsgi`, with a sabotaged cache."""

import os

from morpheus.wsgi import application
from perf.lab.consistency.sabotage import apply

apply(os.environ)

__all__ = ["application"]
