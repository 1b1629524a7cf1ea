"""Two archives over sockets have the same study, and one falls silent while it is asked."""

import asyncio
import contextlib

import pytest
from answerer_rig import answering
from bridging import bridge, drained
from dimse_archive import DimseArchive
from query_peer import GET, WAIT, QueryPeer

from hilum.pipeline.answerers.balancing import OneOf
from hilum.pipeline.answerers.guarding import GuardedAnswerer
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.service.clock import SystemClock
from hilum.testing.datasets import instance

pytestmark = pytest.mark.asyncio

HELD = [instance(seed=n, study=7, series=n % 2) for n in range(8)]
STUDY = Retrieval(Level.STUDY, {Level.STUDY: (HELD[0].study_instance_uid,)})
PATIENCE = 0.2


def silent(archive, after):
    """Give what a peer plays that sends so many instances, and then says nothing for ever."""
    sent = []

    def script(asked):
        if asked.command.affected_sop_class_uid not in GET:
            yield from archive.script(asked)
            return
        inner = archive.script(asked)
        answer = None
        while not asked.is_cancelled:
            if len(sent) == after:
                yield WAIT
                continue
            said = inner.send(answer)
            sent.append(said)
            answer = yield said

    return QueryPeer(script)


@contextlib.asynccontextmanager
async def two(after, **archive):
    """Give two answerers, the first of which falls silent, and what the second is asked."""
    other = DimseArchive(HELD, **archive)
    options = {"associations_per_retrieval": 1}
    mute = silent(DimseArchive(HELD, **archive), after)
    async with contextlib.AsyncExitStack() as stack:
        first, _ = await stack.enter_async_context(
            answering(DimseArchive(HELD), peer=mute, **options)
        )
        second, _ = await stack.enter_async_context(answering(other, **options))
        first.name, second.name = "first", "second"
        yield first, second


@pytest.mark.parametrize("after", [0, 3])
async def test_the_rest_comes_from_the_other_one_soon_and_once(after):
    loop = asyncio.get_running_loop()
    async with two(after) as answerers:
        at = bridge(SystemClock(), *answerers, patience_seconds=PATIENCE)
        before = loop.time()
        came, missed = await drained(await at.supply(STUDY))
        seconds = loop.time() - before
        await asyncio.wait_for(nothing_under_way(answerers[0]), 1.5)

    assert sorted(came) == sorted(one.sop_instance_uid for one in HELD)
    assert not missed
    assert seconds < 5  # an association may be silent for so long


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("after", [0, 3])
async def test_a_group_goes_on_with_the_other_one_whether_it_was_listed_or_not(after, counts):
    async with two(after, counts=counts) as answerers:
        clock = SystemClock()
        guards = [GuardedAnswerer(one, clock=clock, telemetry=_Quiet()) for one in answerers]
        group = OneOf("group", guards, patience_seconds=PATIENCE)
        at = bridge(clock, group)
        came, missed = await drained(await at.supply(STUDY))
        await asyncio.wait_for(nothing_under_way(answerers[0]), 1.5)

    assert sorted(came) == sorted(one.sop_instance_uid for one in HELD)
    assert not missed


class _Quiet:
    def emit(self, event):
        pass


async def nothing_under_way(answerer):
    """Wait until an answerer does nothing any more."""
    while answerer.figures().in_use:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
