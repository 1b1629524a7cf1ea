"""An archive elsewhere in a test: brings what it is told to, when it is told to."""

import asyncio
from dataclasses import dataclass

from hilum.pipeline.archive.ports import Missing
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval


@dataclass(frozen=True)
class Named:
    """What is expected."""

    sop_instance_uid: str
    sop_class_uid: str = "1.2.840.10008.5.1.4.1.1.2"
    series_instance_uid: str = ""
    study_instance_uid: str = ""


class ScriptedSupply:
    """Gives what a test puts into it; remembers what was let go of."""

    def __init__(self, expected, *, holdings=None, count=None):
        self.expected = expected
        self.count = len(expected) if count is None else count
        self.warnings = ()
        self.holdings = holdings
        self.done_with = []
        self.given = []
        self.stopped = asyncio.Event()
        self.closed = asyncio.Event()
        self._script = asyncio.Queue()

    def bring(self, *holdings):
        for one in holdings:
            self._script.put_nowait(one)

    def miss(self, uid, reason="it is gone there"):
        self._script.put_nowait(Missing(uid, reason))

    def fail(self, error):
        self._script.put_nowait(error)

    def end(self):
        self._script.put_nowait(None)

    async def __aiter__(self):
        try:
            while (one := await self._script.get()) is not None:
                if isinstance(one, Exception):
                    raise one
                self.given.append(one)
                yield one
        finally:
            self.stopped.set()

    def done(self, holding):
        self.done_with.append(holding)

    async def aclose(self):
        self.closed.set()


class ScriptedArchive:
    """Answers a question with batches that a test puts in, a retrieval with a supply."""

    def __init__(self):
        self.supplied = None
        self.failure = None
        self.asked = []
        self.counting = asyncio.Event()
        self.counting.set()
        self.was_cancelled = asyncio.Event()
        self.batches = asyncio.Queue()

    async def supply(self, retrieval, asker, purpose, *, syntaxes=()):
        self.asked.append((retrieval, asker, purpose, syntaxes))
        await self._unless_cancelled(self.counting.wait())
        if self.failure is not None:
            raise self.failure
        return self.supplied

    async def find(self, query, asker):
        self.asked.append((query, asker))
        while (one := await self._unless_cancelled(self.batches.get())) is not None:
            if isinstance(one, Exception):
                raise one
            yield one

    async def _unless_cancelled(self, waiting):
        try:
            return await waiting
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise


def holdings_of(rig, study):
    """Give the real holdings of a study that a rig has kept."""
    retrieval = Retrieval(Level.STUDY, {Level.STUDY: (study,)})
    return rig.store_folder.ledger.holdings.of(retrieval).holdings
