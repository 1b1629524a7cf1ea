"""A pretend PACS in this process: it can be switched off and on, and remembers what it got."""

import contextlib
from collections import Counter
from typing import Final

from hilum.cli.demonstration.scene import HOST
from hilum.kernel.names import UID
from hilum.testing.peer import ScriptedPeer

ARCHIVE: Final = "PACS"


class Archive:
    """Listens on one port whenever it is on."""

    def __init__(self) -> None:
        self._peer = ScriptedPeer(host=HOST)
        self._listening: contextlib.AsyncExitStack | None = None

    @property
    def port(self) -> int:
        """Where it listens; the system chose it when it was switched on for the first time."""
        return self._peer.port

    async def switch_on(self) -> None:
        """Listen. Raises OSError."""
        self._listening = contextlib.AsyncExitStack()
        await self._listening.enter_async_context(self._peer.listening())

    async def switch_off(self) -> None:
        """Listen no more, and end what is open."""
        if self._listening is not None:
            await self._listening.aclose()
            self._listening = None

    def got(self) -> Counter[UID]:
        """Count how often it got each instance."""
        return Counter(one.sop_instance_uid for one in self._peer.stored)
