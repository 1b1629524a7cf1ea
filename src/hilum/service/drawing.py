"""How many processes draw pictures for one process of the gateway."""

import os
from typing import Final

from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.drawing.studio import Studio

# Each takes 80 MB while it is there, and a processor while it draws.
_PAINTERS_MAX: Final = 4


def studio_of(telemetry: Telemetry, *, workers: int) -> Studio:
    """Make what draws; `workers`: processes of the gateway, which share this machine."""
    processors = (os.cpu_count() or 1) // workers
    return Studio(telemetry, processes=max(1, min(processors, _PAINTERS_MAX)))
