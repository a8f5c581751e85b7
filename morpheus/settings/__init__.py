"""Settings of Morpheus, one module per concern; importing them changes nothing else."""

from .api import *  # noqa: F403
from .base import *  # noqa: F403
from .cache import *  # noqa: F403
from .database import *  # noqa: F403
from .files import *  # noqa: F403
from .logging import *  # noqa: F403
from .metrics import *  # noqa: F403
from .security import *  # noqa: F403
