"""Who waits for instances that are being fetched, and what has come for it: one for each supply."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.ports import Cache
from hilum.pipeline.archive.ports import Holding

# What may wait for a reader that is slower than the archive it reads from. Enough to keep a line
# busy while a client takes a breath, with what sockets hold; little enough that it lies in memory
# that is used again and again, and that a thousand slow clients fit in the cache.
AHEAD_INSTANCES: Final = 32
AHEAD_BYTES: Final = 2 << 20


@dataclass(frozen=True, slots=True)
class Missed:
    """An instance did not come. `failure`: the whole fetch could not be begun, or was cut."""

    sop_instance_uid: str
    reason: str
    failure: AnswererFailed | None = None


@dataclass(frozen=True, slots=True)
class Over:
    """A whole fetch has ended. `is_sound`: just what was counted has come, and nothing is missing.

    `is_stopped`: by us, so it is of no use to ask for the rest.
    """

    is_sound: bool
    failure: AnswererFailed | None = None
    is_stopped: bool = False


class Flow(Protocol):
    """What a reader waits for instances of."""

    def wake(self) -> None:
        """The reader has room again."""
        ...

    def leave(self, reader: "Reader") -> None:
        """The reader does not want anything more of it."""
        ...

    def wanted_by(self, reader: "Reader") -> Sequence[str]:
        """Give the SOP Instance UIDs that a reader waits for."""
        ...

    def unwant(self, reader: "Reader", uids: Collection[str]) -> None:
        """The reader does not want some of them any more."""
        ...


class Reader:
    """Takes what lands for one supply. What waits here is pinned in the cache."""

    def __init__(self, cache: Cache, news: asyncio.Event | None = None) -> None:
        """Begin; `news` is set when there is something to take, for several readers at once."""
        self._cache = cache
        self._news = news or asyncio.Event()
        self._landed: deque[Holding] = deque()
        self._missed: list[Missed] = []
        self._passed: list[str] = []
        self._doubted: dict[Flow, None] = {}
        self.over: Over | None = None  # what came of the whole fetch that it follows
        self._bytes = 0
        self._is_closed = False
        self.flows: set[Flow] = set()  # kept by themselves

    @property
    def is_behind(self) -> bool:
        """Tell whether so much waits that no more should come."""
        return len(self._landed) >= AHEAD_INSTANCES or self._bytes >= AHEAD_BYTES

    def give(self, holding: Holding) -> None:
        """Have something read; it is pinned for the reader."""
        if self._is_closed:
            return
        self._cache.pin(holding)
        self._landed.append(holding)
        self._bytes += holding.size
        self._news.set()

    def miss(self, missed: Missed) -> None:
        """Say that something does not come."""
        self._missed.append(missed)
        self._news.set()

    def pass_by(self, sop_instance_uid: str) -> None:
        """Say that something came, and that this reader was too far behind to be kept waiting for.

        It has to be looked for, and perhaps fetched, once more.
        """
        self._passed.append(sop_instance_uid)
        self._news.set()

    def doubt(self, flow: Flow) -> None:
        """Say that nothing has come of a flow for so long that somebody else may be asked."""
        self._doubted[flow] = None
        self._news.set()

    def end(self, over: Over) -> None:
        """Say that nothing more comes of the whole fetch that is followed."""
        self.over = over
        self._news.set()

    @property
    def has_news(self) -> bool:
        """Tell whether there is something to take, or a whole fetch is over."""
        return bool(self._landed or self._missed or self._passed or self._doubted or self.over)

    async def wait(self) -> None:
        """Wait for news."""
        while not self.has_news:
            self._news.clear()
            await self._news.wait()

    def take(self) -> Holding | None:
        """Take what landed first; its pin goes with it. None: there is nothing now."""
        if not self._landed:
            return None
        was_behind = self.is_behind
        holding = self._landed.popleft()
        self._bytes -= holding.size
        if was_behind and not self.is_behind:
            for flow in self.flows:
                flow.wake()
        return holding

    def take_missed(self) -> list[Missed]:
        """Take all that was missed by now."""
        missed, self._missed = self._missed, []
        return missed

    def take_passed(self) -> list[str]:
        """Take all that went by."""
        passed, self._passed = self._passed, []
        return passed

    def take_doubted(self) -> list[Flow]:
        """Take all of which nothing comes."""
        doubted = list(self._doubted)
        self._doubted = {}
        return doubted

    def close(self) -> None:
        """Stop waiting, and let go of what was not taken."""
        self._is_closed = True
        for flow in list(self.flows):
            flow.leave(self)
        while self._landed:
            self._cache.unpin(self._landed.popleft())
        self._bytes = 0
