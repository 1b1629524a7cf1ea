"""Commitments at an entity whose archive is elsewhere: what it has now counts, and nothing else."""

import asyncio
from datetime import timedelta

import pytest
from test_vouching import CT1, REQUEST, SETTINGS, Site

from hilum.dimse.service.commitment_answer import CommitmentRequest
from hilum.kernel.names import UID
from hilum.ledger.ledger import Ledger
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.ports import Expected
from hilum.pipeline.vouching.archives import AT_ONCE_MAX, Archives
from hilum.pipeline.vouching.voucher import Voucher
from hilum.query.level import Level

pytestmark = pytest.mark.asyncio
CLASS, UID_1 = REQUEST.references[0]


class Elsewhere:
    """An answerer that has what a test says."""

    name = "cloud"

    def __init__(self, **has):
        self.has = {uid.replace("_", "."): sop_class for uid, sop_class in has.items()}
        self.failure = None
        self.hangs = False
        self.asked = []

    async def expect(self, retrieval):
        self.asked.append(retrieval)
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        return [Expected(c, uid, "1.8", "1.9") for uid, c in self.has.items()]


def archives(*answerers, study_of=lambda _: None, counts=False, seconds=5.0):
    return Archives(answerers, study_of=study_of, counts_what_is_here=counts, seconds=seconds)


def unreachable():
    return AnswererFailed("cloud: nobody there", answerer="cloud", ailment=Lost.UNREACHABLE)


class Witnesses:
    def __init__(self, archives):
        self.archives = archives

    def of(self, ae_title):
        return self.archives if ae_title == "HILUM" else None


@pytest.fixture
def site(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process")
    yield Site(ledger)
    ledger.close()


async def judged(site, found, request=REQUEST):
    """Ask, and give what is vouched for."""
    voucher = voucher_of(site, found)
    try:
        commitment = await voucher.promise(request, CT1)
        return await voucher.judge(commitment)
    finally:
        await voucher.close()


def voucher_of(site, found):
    return Voucher(
        SETTINGS,
        commitments=site.ledger.commitments,
        payloads=None,
        listeners=site.peer,
        clock=site.clock,
        vouched=site.clock,
        steady=site.clock,
        telemetry=site.told,
        witnesses=Witnesses(found),
    )


async def test_what_the_archive_has_is_committed(site):
    vouched = await judged(site, archives(Elsewhere(**{"1_2_3": CLASS})))

    assert (vouched.committed, vouched.failed) == ([(CLASS, UID_1)], {})


@pytest.mark.parametrize(("has", "reason"), [({}, 0x0112), ({"1_2_3": "1.7"}, 0x0119)])
async def test_what_it_has_not_or_differently_is_not_committed(site, has, reason):
    vouched = await judged(site, archives(Elsewhere(**has)))

    assert (vouched.committed, vouched.failed) == ([], {(CLASS, UID_1): reason})


async def test_what_another_archive_has_is_committed_though_the_first_is_dead(site):
    dead, other = Elsewhere(), Elsewhere(**{"1_2_3": CLASS})
    dead.failure = unreachable()

    vouched = await judged(site, archives(dead, other))

    assert vouched.committed == [(CLASS, UID_1)]


async def test_an_archive_that_does_not_say_is_asked_again_and_at_last_it_is_a_failure(site):
    place = Elsewhere()
    place.failure = unreachable()
    voucher = voucher_of(site, archives(place))
    commitment = await voucher.promise(REQUEST, CT1)

    with pytest.raises(AnswererFailed):
        await voucher.judge(commitment)
    site.clock.at += timedelta(hours=SETTINGS.give_up_hours)
    vouched = await voucher.judge(commitment)

    assert vouched.failed == {(CLASS, UID_1): 0x0110}
    await voucher.close()


async def test_a_report_waits_until_the_archive_answers(site):
    place = Elsewhere(**{"1_2_3": CLASS})
    place.failure = unreachable()
    voucher = voucher_of(site, archives(place))
    voucher.give_back(await voucher.promise(REQUEST, CT1))

    await voucher.look()
    await asyncio.gather(*voucher._calls)
    assert site.peer.calls == 0
    assert "CommitmentReportDeferred" in site.told.names()

    place.failure = None
    site.clock.pass_by(SETTINGS.retry_seconds_max)
    await voucher.look()
    await asyncio.gather(*voucher._calls)
    assert site.peer.calls == 1
    assert "CommitmentReported" in site.told.names()
    await voucher.close()


async def test_an_archive_that_says_nothing_in_time_does_not_say(site):
    place = Elsewhere()
    place.hangs = True

    with pytest.raises(AnswererFailed, match=r"within 0\.01 s"):
        await judged(site, archives(place, seconds=0.01))


async def test_a_study_that_is_known_is_asked_for_as_one():
    place = Elsewhere(**{"1_2_3": CLASS, "1_2_4": CLASS})

    found = await archives(place, study_of=lambda _: "1.9").classes_of([UID_1, UID("1.2.4")])

    assert set(found) == {"1.2.3", "1.2.4"}
    assert [one.keys for one in place.asked] == [{Level.STUDY: ("1.9",)}]


async def test_instances_of_no_known_study_are_asked_for_a_few_at_a_time():
    uids = [UID(f"1.2.{number}") for number in range(AT_ONCE_MAX + 1)]
    place = Elsewhere()

    assert await archives(place).classes_of(uids) == {}
    assert [len(one.keys[Level.IMAGE]) for one in place.asked] == [AT_ONCE_MAX, 1]


async def test_what_is_held_here_counts_only_where_it_is_kept(site):
    place = Elsewhere()
    request = CommitmentRequest(UID("2.25.2"), [(CLASS, UID_1)])

    await judged(site, archives(place, counts=True), request)

    assert len(place.asked) == 1  # nothing is held here either
