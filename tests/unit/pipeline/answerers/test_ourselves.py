"""What we hold ourselves, answered together with what others hold."""

from dataclasses import replace

import pytest
from bridging import ASKER, bridge, drained, retrieval_of, study, uids, virtually

from hilum.ledger.errors import LedgerUnavailable
from hilum.ledger.holdings import Held
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.ourselves import Ourselves
from hilum.pipeline.answerers.terms import Terms
from hilum.pipeline.archive.ports import Purpose
from hilum.pipeline.landing import Incoming
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.testing.memory_answerer import MemoryAnswerer
from hilum.testing.memory_cache import MemoryCache

STUDY = study(1, 6)
QUERY = Query(Level.IMAGE)


class Vault:
    """Our archive in memory, without accounts (`Unaccounted`)."""

    def __init__(self, instances):
        self._known = MemoryAnswerer("", instances)
        self.is_broken = False

    async def pages(self, query):
        self._check()
        async for batch in self._known.find(query):
            yield batch

    async def held(self, retrieval):
        self._check()
        listed = await self._known.expect(retrieval)
        return Held(
            tuple([holding_of(one) for one in listed]),
            {one.study_instance_uid: "P1" for one in listed},
        )

    async def metadata(self, holdings, bulk_root):
        for one in holdings:
            yield f"ours {one.sop_instance_uid} {bulk_root}".encode()

    def _check(self):
        if self.is_broken:
            raise LedgerUnavailable("the ledger is away")


def holding_of(one):
    template = MemoryCache().keep("x", incoming_of(STUDY[0]), STUDY[0].data_set)
    return replace(
        template,
        sop_instance_uid=one.sop_instance_uid,
        path=f"instances/{one.sop_instance_uid}.dcm",
    )


def incoming_of(one):
    return Incoming(one.sop_class_uid, one.sop_instance_uid, one.transfer_syntax_uid, "x")


def test_what_we_hold_is_not_fetched_and_needs_no_pin():
    pacs = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        at = bridge(clock, pacs, ours=Ourselves(Vault(STUDY[:4])))
        result = await drained(await at.supply(retrieval_of(STUDY)))
        return result, at

    (came, missed), at = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert sorted(pacs.asked.sent) == sorted(uids(STUDY[4:]))
    assert not at.cache.pins
    assert at.accounts.records[0].patient_id == "P1"


def test_all_that_is_here_is_given_without_waiting():
    async def run(clock):
        at = bridge(clock, MemoryAnswerer("pacs", STUDY[:2]), ours=Ourselves(Vault(STUDY)))
        supply = await at.supply(retrieval_of(STUDY))
        return [one.sop_instance_uid for one in supply.holdings]

    assert virtually(run) == uids(STUDY)


def test_metadata_comes_in_the_order_of_what_was_asked_whoever_makes_it():
    async def run(clock):
        at = bridge(clock, MemoryAnswerer("pacs", STUDY), ours=Ourselves(Vault(STUDY[1:3])))
        found = await at.archive.holdings(retrieval_of(STUDY), ASKER, Purpose.METADATA)
        places = uids(STUDY)
        ordered = sorted(found, key=lambda one: places.index(one.sop_instance_uid))
        told = [one async for one in at.archive.metadata(ordered, "http://x")]
        await at.archive.aclose()
        return told, at

    told, at = virtually(run)

    assert [one.startswith(b"ours") for one in told] == [False, True, True, False, False, False]
    assert [uid.encode() in one for uid, one in zip(uids(STUDY), told, strict=True)] == [True] * 6
    assert not at.cache.pins


def test_matches_are_ours_first():
    async def run(clock):
        at = bridge(clock, MemoryAnswerer("pacs", STUDY), ours=Ourselves(Vault(STUDY[:2])))
        return [match.answerer for match in await at.matches(QUERY)]

    assert virtually(run) == [""] * 2 + ["pacs"] * 4


@pytest.mark.parametrize("ask", ["find", "supply"])
def test_a_ledger_that_is_away_is_a_missing_part(ask):
    vault = Vault(STUDY)
    vault.is_broken = True

    async def run(clock):
        at = bridge(clock, MemoryAnswerer("pacs", STUDY), ours=Ourselves(vault))
        if ask == "find":
            return [batch.warnings async for batch in at.archive.find(QUERY, ASKER)][-1]
        supply = await at.supply(retrieval_of(STUDY))
        await drained(supply)
        return tuple(supply.warnings)

    assert virtually(run) == ("local: is busy",)


def test_a_ledger_that_is_away_fails_where_nothing_may_be_missing():
    vault = Vault(STUDY)
    vault.is_broken = True

    async def run(clock):
        at = bridge(
            clock,
            MemoryAnswerer("pacs", STUDY),
            ours=Ourselves(vault),
            terms=Terms(partial="fail"),
        )
        await at.supply(retrieval_of(STUDY))

    with pytest.raises(AnswererFailed):
        virtually(run)
