"""A bridged archive over answerers in memory, in virtual time."""

import asyncio
from dataclasses import dataclass, field

from hilum.dicom import tags
from hilum.ledger.entry import Origin
from hilum.pipeline.answerers.bridged import BridgedArchive
from hilum.pipeline.answerers.differing import Differences
from hilum.pipeline.answerers.holder import Holder
from hilum.pipeline.answerers.terms import Terms
from hilum.pipeline.archive.ports import Purpose
from hilum.query.level import Level
from hilum.query.query import Query, Wanted
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import instance
from hilum.testing.memory_cache import MemoryCache
from hilum.testing.virtual_time import run_virtually

ASKER = Origin("VIEWER", "BRIDGE", "viewer", "127.0.0.1", "BRIDGE", "")
STUDIES = Query(Level.STUDY, wanted=(Wanted(tags.STUDY_INSTANCE_UID, "UI"),))


class Events:
    """A Telemetry that remembers."""

    def __init__(self):
        self.all = []

    def emit(self, event):
        self.all.append(event)

    def of(self, kind):
        return [event for event in self.all if isinstance(event, kind)]


class MemoryAccounts:
    """Accounts without a thread."""

    def __init__(self):
        self.records = []
        self.is_broken = None

    def begin(self, records):
        written = asyncio.get_running_loop().create_future()
        if self.is_broken:
            written.set_exception(self.is_broken)
            written.exception()
        else:
            self.records += records
            written.set_result(None)
        return written

    async def keep_once(self, records):
        await self.begin(records)


@dataclass
class Bridge:
    """What a test has of an entity with answerers."""

    archive: BridgedArchive
    cache: MemoryCache
    holders: list
    events: Events
    accounts: MemoryAccounts
    clock: object = field(default=None)

    async def matches(self, query=STUDIES):
        return [match async for batch in self.archive.find(query, ASKER) for match in batch.matches]

    async def supply(self, retrieval, purpose=Purpose.GET):
        return await self.archive.supply(retrieval, ASKER, purpose)


class SlowCache(MemoryCache):
    """A cache that looks, and takes a while to say what it saw."""

    async def held(self, answerer, wanted):
        found = await super().held(answerer, wanted)
        await asyncio.sleep(0.02)
        return found


def bridge(clock, *answerers, ours=None, keeps=True, terms=None, cache=None, **holder):
    """Make one; `ours` comes first."""
    cache, events, accounts = cache or MemoryCache(keeps=keeps), Events(), MemoryAccounts()
    holders = [Holder(one, cache, telemetry=events, clock=clock, **holder) for one in answerers]
    archive = BridgedArchive(
        [*([ours] if ours else []), *holders],
        cache=cache,
        accounts=accounts,
        differences=Differences(events),
        telemetry=events,
        terms=terms or Terms(),
    )
    return Bridge(archive, cache, holders, events, accounts, clock)


def study(number, instances=4, series=1, first=0):
    """Make the instances of a study."""
    return [
        instance(seed=first + n, study=number, series=n % series, pixel_bytes=128)
        for n in range(instances)
    ]


def retrieval_of(instances):
    """Ask for the study of instances."""
    return Retrieval(Level.STUDY, {Level.STUDY: (instances[0].study_instance_uid,)})


def one_of(one):
    """Ask for one instance."""
    return Retrieval(
        Level.IMAGE,
        {
            Level.STUDY: (one.study_instance_uid,),
            Level.SERIES: (one.series_instance_uid,),
            Level.IMAGE: (one.sop_instance_uid,),
        },
    )


async def drained(supply):
    """Take all of a supply, let go of each; give what came and what did not."""
    came, missed = [], []
    try:
        async for one in supply:
            if hasattr(one, "reason"):
                missed.append(one)
            else:
                came.append(one.sop_instance_uid)
                supply.done(one)
    finally:
        await supply.aclose()
    return came, missed


def uids(instances):
    return [one.sop_instance_uid for one in instances]


def virtually(make):
    """Run `make(clock)` to its end in virtual time."""
    return run_virtually(make)
