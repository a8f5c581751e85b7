"""Settings of Morpheus, one module per concern. Importing them changes nothing on the machine.

Morpheus' own have the prefix `MORPHEUS_` and the name of their environment variable; sizes are in
bytes (`_BYTES`) where the variable has megabytes (`_MB`).
"""

from .api import *  # noqa: F403
from .base import *  # noqa: F403
from .cache import *  # noqa: F403
from .database import *  # noqa: F403
from .files import *  # noqa: F403
from .logging import *  # noqa: F403
from .mail import *  # noqa: F403
from .metrics import *  # noqa: F403
from .openapi import *  # noqa: F403
from .security import *  # noqa: F403
