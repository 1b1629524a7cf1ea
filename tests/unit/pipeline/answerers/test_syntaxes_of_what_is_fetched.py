"""Payloads that are here in a transfer syntax that somebody cannot take."""

from dataclasses import replace

import pytest
from bridging import ASKER, bridge, drained, retrieval_of, study, uids, virtually

from hilum.kernel.names import UID
from hilum.pipeline.answerers.ailments import Lost
from hilum.pipeline.answerers.fitting import fits
from hilum.pipeline.archive.ports import Purpose
from hilum.testing.memory_answerer import MemoryAnswerer

IMPLICIT = UID("1.2.840.10008.1.2")
EXPLICIT = UID("1.2.840.10008.1.2.1")
J2K = UID("1.2.840.10008.1.2.4.90")
STUDY = [replace(one, transfer_syntax_uid=J2K) for one in study(1)]


@pytest.mark.parametrize(
    ("here", "taken", "is_good"),
    [
        (J2K, (), True),
        (J2K, (J2K, EXPLICIT), True),
        (J2K, (EXPLICIT,), False),
        (IMPLICIT, (EXPLICIT,), True),
        (EXPLICIT, (J2K,), False),
    ],
)
def test_what_fits(here, taken, is_good):
    assert fits(here, taken) is is_good


async def given(at, syntaxes):
    return await drained(
        await at.archive.supply(retrieval_of(STUDY), ASKER, Purpose.GET, syntaxes=syntaxes)
    )


def test_who_cannot_take_what_is_here_has_the_archive_asked_and_only_once_in_vain():
    answerer = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        at = bridge(clock, answerer)
        came = [await given(at, syntaxes) for syntaxes in ((), (J2K,), (EXPLICIT,), (EXPLICIT,))]
        return came, at

    came, at = virtually(run)

    assert all(sorted(one) == sorted(uids(STUDY)) and not missed for one, missed in came)
    assert [fetch.syntaxes for fetch in answerer.asked.fetches] == [(), (EXPLICIT,)]
    assert not at.cache.pins


def test_what_is_here_is_better_than_nothing():
    answerer = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        at = bridge(clock, answerer)
        await given(at, ())
        explicit = {"syntaxes": (EXPLICIT,)}
        supply = await at.archive.supply(retrieval_of(STUDY), ASKER, Purpose.GET, **explicit)
        answerer.behaviour.ailment = Lost.UNREACHABLE
        return await drained(supply), at

    (came, missed), at = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert not at.cache.pins
