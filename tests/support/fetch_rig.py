"""An archive in memory whose supplies can be looked at, and goals for fetches."""

from datetime import UTC, datetime

from hilum.kernel.errors import Unreachable
from hilum.ledger.holdings import Holding
from hilum.pipeline.archive.ports import Batch, Missing
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.testing.datasets import GeneratedInstance
from hilum.testing.payloads import MemoryPayloads


def holding_of(one: GeneratedInstance) -> Holding:
    return Holding(
        one.sop_class_uid,
        one.sop_instance_uid,
        one.series_instance_uid,
        one.study_instance_uid,
        one.transfer_syntax_uid,
        len(one.data_set),
        f"cache/{one.sop_instance_uid}",
        1,
        datetime(2026, 1, 1, tzinfo=UTC),
        b"",
    )


class RigSupply:
    """Gives what is there; says what was let go of."""

    def __init__(self, archive, holdings):
        self._archive = archive
        self.expected = holdings
        self.count = len(holdings)
        self.holdings = None
        self.warnings = archive.warnings
        self.let_go: list[str] = []
        self.is_closed = False

    async def __aiter__(self):
        for one in self.expected:
            if self._archive.pause is not None:
                await self._archive.pause.wait()
            if one.sop_instance_uid in self._archive.missing:
                yield Missing(one.sop_instance_uid, "it has gone")
            else:
                self._archive.given.append(one.sop_instance_uid)
                yield one

    def done(self, holding):
        self.let_go.append(holding.sop_instance_uid)

    async def aclose(self):
        self.is_closed = True


class RigArchive:
    """What is asked of an archive by fetches and prefetching."""

    def __init__(self, *instances: GeneratedInstance):
        self.held = [holding_of(one) for one in instances]
        self.payloads = MemoryPayloads()
        for one in instances:
            self.payloads.put(f"cache/{one.sop_instance_uid}", one.data_set)
        self.missing: set[str] = set()
        self.given: list[str] = []
        self.supplies: list[RigSupply] = []
        self.retrievals = []
        self.queries = []
        self.studies = []
        self.pause = self.asked = None
        self.is_down = False
        self.warnings: tuple[str, ...] = ()
        self.broken: set[str] = set()

    async def find(self, query, asker):
        if self.is_down:
            raise Unreachable("nobody answers")
        self.queries.append((query, asker))
        matches = tuple(Match(Level.STUDY, one, "rig") for one in self.studies)
        yield Batch(matches, warnings=self.warnings)

    async def supply(self, retrieval, _asker, _purpose, **_):
        if self.is_down:
            raise Unreachable("nobody answers")
        self.retrievals.append(retrieval)
        keys = retrieval.keys
        for study in self.broken.intersection(keys.get(Level.STUDY, ())):
            raise Unreachable(f"{study} cannot be listed")
        found = [
            one
            for one in self.held
            if one.study_instance_uid in keys.get(Level.STUDY, (one.study_instance_uid,))
            and one.series_instance_uid in keys.get(Level.SERIES, (one.series_instance_uid,))
            and one.sop_instance_uid in keys.get(Level.IMAGE, (one.sop_instance_uid,))
        ]
        supply = RigSupply(self, found)
        self.supplies.append(supply)
        if self.asked is not None:
            self.asked.set()
        return supply


class RigGoal:
    """Remembers what was brought to it."""

    def __init__(self, *known: str):
        self._known = known
        self.brought: list[str] = []
        self.refused: set[str] = set()
        self.is_closed = False

    async def known(self, _study):
        return self._known

    async def bring(self, holdings):
        for one in holdings:
            if one.sop_instance_uid in self.refused:
                yield one, "no room"
            else:
                self.brought.append(one.sop_instance_uid)
                yield one, ""

    async def aclose(self):
        self.is_closed = True
