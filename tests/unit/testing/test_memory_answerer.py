import asyncio

import pytest

from hilum.dicom import tags
from hilum.dicom.matching import AnyOf, Key
from hilum.kernel.errors import Full
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.ports import Fetch
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import instance
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer

INSTANCES = [instance(seed=n, study=n // 3, series=n % 2) for n in range(6)]
STUDY = INSTANCES[0].study_instance_uid


class Basket:
    def __init__(self, refused=""):
        self.landed = {}
        self.dropped = []
        self._refused = refused

    async def land(self, incoming):
        if incoming.sop_instance_uid == self._refused:
            raise Full("no room")
        return Piecewise(self, incoming.sop_instance_uid)


class Piecewise:
    def __init__(self, basket, uid):
        self._basket, self._uid, self._pieces = basket, uid, []

    async def take(self, piece):
        self._pieces.append(piece)

    async def keep(self):
        self._basket.landed[self._uid] = b"".join(self._pieces)

    async def drop(self):
        self._basket.dropped.append(self._uid)


async def matches(answerer, query):
    return [match async for batch in answerer.find(query) for match in batch.matches]


def test_a_search_gives_each_study_once_and_observes_the_page():
    answerer = MemoryAnswerer("a", INSTANCES)

    found = asyncio.run(matches(answerer, Query(Level.STUDY)))
    page = asyncio.run(matches(answerer, Query(Level.IMAGE, limit=2, offset=3)))

    assert [match.attributes.text(tags.STUDY_INSTANCE_UID) for match in found] == [
        STUDY,
        INSTANCES[3].study_instance_uid,
    ]
    assert [match.identity for match in page] == [
        (INSTANCES[3].sop_instance_uid,),
        (INSTANCES[4].sop_instance_uid,),
    ]


def test_keys_narrow_a_search():
    key = Key(tags.STUDY_INSTANCE_UID, "UI", AnyOf((STUDY,)))

    found = asyncio.run(
        matches(MemoryAnswerer("a", INSTANCES), Query(Level.IMAGE, keys=(key,), limit=9))
    )

    assert len(found) == 3


def test_a_fetch_brings_the_bytes_and_tells_what_did_not_come():
    gone = INSTANCES[1].sop_instance_uid
    answerer = MemoryAnswerer("a", INSTANCES, Behaviour(missing=frozenset((gone,))))
    basket = Basket(refused=INSTANCES[2].sop_instance_uid)

    async def run():
        retrieval = Retrieval(Level.STUDY, {Level.STUDY: (STUDY,)})
        expected = await answerer.expect(retrieval)
        return await answerer.fetch(Fetch(retrieval, expected), basket)

    missing = asyncio.run(run())

    assert set(missing) == {gone, INSTANCES[2].sop_instance_uid}
    assert basket.landed == {INSTANCES[0].sop_instance_uid: INSTANCES[0].data_set}


def test_an_ailing_answerer_fails_at_everything():
    answerer = MemoryAnswerer("a", INSTANCES, Behaviour(ailment=Lost.UNREACHABLE))

    with pytest.raises(AnswererFailed) as failure:
        asyncio.run(answerer.verify())

    assert failure.value.ailment is Lost.UNREACHABLE
