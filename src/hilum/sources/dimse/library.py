"""What can be asked for and fetched at the DIMSE door, and how much of that at one time."""

import asyncio
from typing import Final

from hilum.pipeline.archive.movers import Movers
from hilum.pipeline.ports import Payloads
from hilum.pipeline.reading import Reading

# Retrievals at work in one process, C-MOVE and C-GET together; more wait their turn. Each has a
# buffer of half a mebibyte, or one for each association it opens.
RETRIEVALS_MAX: Final = 64


class Library:
    """Where payloads are and where they can be sent; which of them is the entities' matter.

    One object a process; made on its event loop.
    """

    def __init__(self, payloads: Payloads, movers: Movers) -> None:
        self.payloads = payloads
        self.movers = movers
        self.reading = Reading()
        self.turn = asyncio.Semaphore(RETRIEVALS_MAX)
