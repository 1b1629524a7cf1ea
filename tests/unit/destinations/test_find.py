import asyncio
import contextlib
from dataclasses import replace

import pytest
from query_peer import WAIT, QueryPeer, Say, match

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.finding import Find, agreed_find_options
from hilum.destinations.dimse.inquiry import inquiry_for
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.refusals import OperationFailed
from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dimse.service.ending import (
    CANCELED,
    COMPLETE,
    LIMIT_REACHED,
    Ending,
    does_not_match,
)
from hilum.dimse.service.query import find_ended, find_match_with_warning
from hilum.dimse.service.query_negotiation import FindOptions
from hilum.dimse.status import Category
from hilum.kernel.errors import Rejected, Unreachable
from hilum.kernel.names import UID, AETitle
from hilum.query.level import Model

pytestmark = pytest.mark.asyncio

STUDY_FIND = UID(Model.STUDY_ROOT.find_uid)
OPTIONS = RequestorOptions(
    connect_timeout_seconds=5,
    association_timeout_seconds=5,
    response_timeout_seconds=5,
    release_timeout_seconds=5,
)


def named(name, charset="ISO_IR 192"):
    return DataSetBuilder(charset).texts(tags.PATIENT_NAME, name).data_set


@contextlib.asynccontextmanager
async def asking(script, options=OPTIONS, inquiry=None, **peer):
    async with QueryPeer(script, **peer).listening() as listening:
        address = Address(listening.host, listening.port, AETitle("PEER"), AETitle("US"))
        requestor = await (inquiry or inquiry_for(STUDY_FIND)).associate(address, options)
        try:
            yield requestor, listening
        finally:
            await requestor.release()


def three_then_end(asked, ending=COMPLETE):
    for name in ("Ä^1", "B^2", "山田^3"):
        yield match(asked, named(name))
    yield match_end(asked, ending)


def match_end(asked, ending):
    return Say(find_ended(asked.command, ending))


def silent(_):
    yield WAIT


async def names_of(find):
    return [each.text(tags.PATIENT_NAME) async for each in find.matches()]


async def test_matches_come_in_their_own_character_sets_and_then_the_end():
    async with asking(three_then_end) as (requestor, peer):
        find = Find(requestor, STUDY_FIND, named("*"))
        names = await names_of(find)

    assert names == ["Ä^1", "B^2", "山田^3"]
    assert (find.ending.category, find.all_keys_supported) == (Category.SUCCESS, True)
    assert peer.asked[0].identifier.text(tags.PATIENT_NAME) == "*"
    assert peer.releases == 1


async def test_an_association_takes_one_query_after_another_with_other_message_ids():
    async with asking(three_then_end) as (requestor, peer):
        first = await names_of(Find(requestor, STUDY_FIND, named("*")))
        second = await names_of(Find(requestor, STUDY_FIND, named("*")))

    assert first == second
    assert len({asked.command.message_id for asked in peer.asked}) == 2


async def test_a_reader_that_leaves_cancels_and_the_association_lives_on():
    def endless(asked):
        yield match(asked, named("A"))
        if len(seen) == 0:
            seen.append(asked)
            yield WAIT
            yield match(asked, named("on its way"))
            yield match_end(asked, CANCELED)
        else:
            yield match_end(asked, COMPLETE)

    seen = []
    async with asking(endless) as (requestor, peer):
        find = Find(requestor, STUDY_FIND, named("*"))
        async with contextlib.aclosing(find.matches()) as matches:
            async for _ in matches:
                break
        again = await names_of(Find(requestor, STUDY_FIND, named("*")))

    assert peer.asked[0].is_cancelled
    assert find.ending.category is Category.CANCEL
    assert again == ["A"]


async def test_cancel_lets_what_is_on_its_way_come():
    def script(asked):
        yield match(asked, named("A"))
        yield WAIT
        yield match(asked, named("B"))
        yield match_end(asked, CANCELED)

    async with asking(script) as (requestor, _):
        find = Find(requestor, STUDY_FIND, named("*"))
        names = []
        async for each in find.matches():
            names.append(each.text(tags.PATIENT_NAME))
            find.cancel()
            find.cancel()

    assert names == ["A", "B"]
    assert find.ending.category is Category.CANCEL


async def test_a_failure_says_who_answered_what_and_leaves_out_what_the_peer_adds():
    no = does_not_match(tags.STUDY_INSTANCE_UID, "DOE^JOHN is nobody")
    async with asking(lambda asked: (one for one in [match_end(asked, no)])) as (requestor, _):
        with pytest.raises(OperationFailed) as raised:
            await names_of(Find(requestor, STUDY_FIND, named("*")))

    assert "A900" in str(raised.value)
    assert "(0020,000D)" in str(raised.value)
    assert "DOE" not in str(raised.value)
    assert "DOE" in raised.value.words


async def test_a_limit_of_the_peer_is_an_end_with_a_warning():
    def script(asked):
        yield from three_then_end(asked, Ending(LIMIT_REACHED, "enough"))

    async with asking(script) as (requestor, _):
        find = Find(requestor, STUDY_FIND, named("*"))
        names = await names_of(find)

    assert len(names) == 3
    assert find.ending.category is Category.WARNING
    assert "enough" in find.ending.words


async def test_unsupported_keys_are_noticed():
    def script(asked):
        yield replace(match(asked, named("A")), command=find_match_with_warning(asked.command))
        yield match_end(asked, COMPLETE)

    async with asking(script) as (requestor, _):
        find = Find(requestor, STUDY_FIND, named("*"))
        await names_of(find)

    assert not find.all_keys_supported


async def test_a_service_that_was_refused_is_explained():
    async with asking(three_then_end) as (requestor, _):
        with pytest.raises(Rejected, match=r"does not offer us Patient Root .* FIND"):
            await names_of(Find(requestor, UID(Model.PATIENT_ROOT.find_uid), named("*")))


async def test_a_peer_that_says_nothing_has_its_time():
    hasty = replace(OPTIONS, response_timeout_seconds=0.05, release_timeout_seconds=0.05)
    async with asking(silent, hasty) as (requestor, _):
        with pytest.raises(Unreachable, match="did not answer our request within"):
            await names_of(Find(requestor, STUDY_FIND, named("*")))

    assert not requestor.is_open


async def test_a_task_that_is_cancelled_ends_the_association():
    def note(_):
        begun.set()
        yield WAIT

    begun = asyncio.Event()
    async with asking(note) as (requestor, _):
        task = asyncio.ensure_future(names_of(Find(requestor, STUDY_FIND, named("*"))))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert not requestor.is_open


async def test_thousands_of_matches_are_not_kept_while_nobody_reads():
    """Reading stops; what the peer writes stays in the kernel and with the peer."""
    count = 4_000

    def script(asked):
        for _ in range(count):
            yield match(asked, named("N" * 500))
        yield match_end(asked, COMPLETE)

    async with asking(script) as (requestor, _):
        find = Find(requestor, STUDY_FIND, named("*"))
        async with contextlib.aclosing(find.matches()) as matches:
            await anext(matches)
            for _ in range(3_000):
                await asyncio.sleep(0)
            kept = requestor._wire._inbox._bytes
            read = 1 + len([each async for each in matches])

    assert kept < 3_500_000  # what it keeps, and one read more, by its own count
    assert read == count


async def test_options_hold_when_both_sides_want_them():
    inquiry = inquiry_for(STUDY_FIND, FindOptions(relational=True, fuzzy_names=True))
    wishes = FindOptions(fuzzy_names=True)
    async with asking(three_then_end, inquiry=inquiry, find_options=wishes) as (requestor, _):
        agreed = agreed_find_options(requestor, STUDY_FIND)

    assert agreed == FindOptions(fuzzy_names=True)
