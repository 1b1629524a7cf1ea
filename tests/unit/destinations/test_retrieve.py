import contextlib
from dataclasses import replace

import pytest
from query_peer import WAIT, QueryPeer, Say, store

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.inquiry import (
    CONTEXTS_MAX,
    SYNTAXES_MAX,
    inquiry_for,
    inquiry_for_get,
)
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.refusals import OperationFailed
from hilum.destinations.dimse.retrieving import get, move
from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES
from hilum.dicom.syntaxes import ALL_TRANSFER_SYNTAXES
from hilum.dimse.command import encode_command
from hilum.dimse.service.ending import CANCELED, ended, unknown_destination
from hilum.dimse.service.retrieve import (
    failed_list,
    retrieve_ended,
    retrieve_pending,
)
from hilum.dimse.service.suboperations import SubOperations
from hilum.dimse.status import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    Category,
)
from hilum.kernel.errors import CorruptPayload, Full, HilumError, Unreachable
from hilum.kernel.names import UID, AETitle
from hilum.query.level import Model
from hilum.testing.datasets import CT, MR, instance

pytestmark = pytest.mark.asyncio

STUDY_GET = UID(Model.STUDY_ROOT.get_uid)
STUDY_MOVE = UID(Model.STUDY_ROOT.move_uid)
OPTIONS = RequestorOptions(
    connect_timeout_seconds=5,
    association_timeout_seconds=5,
    response_timeout_seconds=5,
    release_timeout_seconds=5,
)
IDENTIFIER = DataSetBuilder().texts(tags.STUDY_INSTANCE_UID, "1.2.3").data_set
INSTANCES = [instance(seed=seed) for seed in range(3)]


class Basket:
    """A sink that remembers, and fails where it is told to."""

    def __init__(self, *, at="", error=None):
        self.at = at
        self.error = error
        self.kept = {}
        self.dropped = []
        self.largest_piece = 0

    async def land(self, incoming):
        self.fail("land")
        return Catch(self, incoming)

    def fail(self, where):
        if where == self.at:
            raise self.error


class Catch:
    def __init__(self, basket, incoming):
        self.basket = basket
        self.incoming = incoming
        self.data = bytearray()

    async def take(self, piece):
        self.basket.fail("take")
        self.basket.largest_piece = max(self.basket.largest_piece, len(piece))
        self.data += piece

    async def keep(self):
        self.basket.fail("keep")
        self.basket.kept[self.incoming.sop_instance_uid] = bytes(self.data)

    async def drop(self):
        self.basket.dropped.append(self.incoming.sop_instance_uid)


@contextlib.asynccontextmanager
async def asking(script, inquiry, options=OPTIONS):
    async with QueryPeer(script).listening() as peer:
        address = Address(peer.host, peer.port, AETitle("PEER"), AETitle("US"))
        requestor = await inquiry.associate(address, options)
        try:
            yield requestor, peer
        finally:
            await requestor.release()


def getting(script, options=OPTIONS):
    return asking(script, inquiry_for_get(STUDY_GET, [CT, MR]), options)


def all_of_them(asked):
    """Store everything, tell after each how far it is, and end as the standard wants it."""
    work = SubOperations(len(INSTANCES))
    for number, one in enumerate(INSTANCES):
        status = yield store(asked, one, message_id=number + 7)
        work.stored(one.sop_instance_uid, status)
        if work.remaining:
            yield Say(retrieve_pending(asked.command, work.counts))
        if asked.is_cancelled:
            break
    syntax = asked.context.transfer_syntax
    ending = work.canceled() if asked.is_cancelled else work.ending()
    data = failed_list(work.failed, syntax) if work.has_failed else None
    yield Say(retrieve_ended(asked.command, ending, work), data)


async def counts_of(retrieve):
    return [counts async for counts in retrieve.progress()]


async def test_what_a_get_brings_is_in_the_sink_byte_for_byte():
    basket = Basket()
    async with getting(all_of_them) as (requestor, peer):
        retrieve = get(requestor, STUDY_GET, IDENTIFIER, basket)
        counts = await counts_of(retrieve)

    assert basket.kept == {one.sop_instance_uid: one.data_set for one in INSTANCES}
    assert [one.completed for one in counts] == [1, 2]
    assert (retrieve.ending.category, retrieve.failed) == (Category.SUCCESS, ())
    assert peer.stored == [SUCCESS] * 3
    assert peer.releases == 1


async def test_a_large_instance_comes_in_pieces():
    large = replace(INSTANCES[0], data_set=INSTANCES[0].data_set * 40)

    def script(asked):
        yield store(asked, large)
        yield Say(retrieve_ended(asked.command, SubOperations(0).ending(), SubOperations(0)))

    basket = Basket()
    async with getting(script) as (requestor, _):
        await counts_of(get(requestor, STUDY_GET, IDENTIFIER, basket))

    assert basket.kept[large.sop_instance_uid] == large.data_set
    assert basket.largest_piece <= 128 * 1024 < len(large.data_set)


@pytest.mark.parametrize("at", ["land", "take", "keep"])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Full("disk"), OUT_OF_RESOURCES),
        (CorruptPayload("broken"), CANNOT_UNDERSTAND),
        (HilumError("odd"), PROCESSING_FAILURE),
    ],
)
async def test_what_the_sink_cannot_keep_is_answered_so_and_failed(at, error, status):
    basket = Basket(at=at, error=error)
    async with getting(all_of_them) as (requestor, peer):
        retrieve = get(requestor, STUDY_GET, IDENTIFIER, basket)
        with pytest.raises(OperationFailed):
            await counts_of(retrieve)

    assert peer.stored == [status] * 3
    assert set(retrieve.failed) == {one.sop_instance_uid for one in INSTANCES}
    assert not basket.kept
    assert len(basket.dropped) == (0 if at == "land" else 3)


async def test_an_instance_of_a_class_other_than_its_context_is_refused():
    def script(asked):
        context = next(c for c in asked.contexts.values() if c.abstract_syntax == MR)
        yield store(asked, INSTANCES[0], context=context)
        yield Say(retrieve_ended(asked.command, SubOperations(0).ending(), SubOperations(0)))

    async with getting(script) as (requestor, peer):
        await counts_of(get(requestor, STUDY_GET, IDENTIFIER, Basket()))

    assert peer.stored == [SOP_CLASS_NOT_SUPPORTED]


async def test_a_reader_that_leaves_a_get_cancels_and_keeps_what_was_on_its_way():
    def script(asked):
        yield store(asked, INSTANCES[0])
        yield Say(retrieve_pending(asked.command, SubOperations(3).counts))
        yield WAIT
        status = yield store(asked, INSTANCES[1])
        assert status == SUCCESS
        yield Say(retrieve_ended(asked.command, CANCELED, SubOperations(3)))

    basket = Basket()
    async with getting(script) as (requestor, peer):
        retrieve = get(requestor, STUDY_GET, IDENTIFIER, basket)
        async with contextlib.aclosing(retrieve.progress()) as progress:
            await anext(progress)
        is_open = requestor.is_open

    assert peer.asked[0].is_cancelled
    assert retrieve.ending.category is Category.CANCEL
    assert len(basket.kept) == 2
    assert is_open


async def test_a_peer_that_falls_silent_within_an_instance_leaves_nothing_behind():
    def script(asked):
        yield replace(store(asked, INSTANCES[0]), data=None)

    basket = Basket()
    hasty = replace(OPTIONS, response_timeout_seconds=0.05, release_timeout_seconds=0.05)
    async with getting(script, hasty) as (requestor, _):
        with pytest.raises(Unreachable):
            await counts_of(get(requestor, STUDY_GET, IDENTIFIER, basket))

    assert not basket.kept
    assert basket.dropped == [INSTANCES[0].sop_instance_uid]


async def test_a_move_tells_its_counters_and_names_its_destination():
    def script(asked):
        work = SubOperations(2)
        yield Say(retrieve_pending(asked.command, work.counts))
        work.stored(UID("1.2.3.1"), SUCCESS)
        yield Say(retrieve_pending(asked.command, work.counts))
        work.not_stored(UID("1.2.3.2"))
        data = failed_list(work.failed, asked.context.transfer_syntax)
        yield Say(retrieve_ended(asked.command, work.ending(), work), data)

    async with asking(script, inquiry_for(STUDY_MOVE)) as (requestor, peer):
        retrieve = move(requestor, STUDY_MOVE, IDENTIFIER, AETitle("WS"))
        counts = await counts_of(retrieve)

    assert peer.asked[0].command.move_destination == "WS"
    assert [(one.remaining, one.completed) for one in counts] == [(2, 0), (1, 1)]
    assert retrieve.ending.category is Category.WARNING
    assert (retrieve.ending.counts.completed, retrieve.ending.counts.failed) == (1, 1)
    assert retrieve.failed == ("1.2.3.2",)


async def test_a_destination_that_the_peer_does_not_know_is_a_failure_with_its_number():
    def script(asked):
        yield Say(encode_command(ended(asked.command, unknown_destination())))

    async with asking(script, inquiry_for(STUDY_MOVE)) as (requestor, _):
        with pytest.raises(OperationFailed, match="0xA801") as raised:
            await counts_of(move(requestor, STUDY_MOVE, IDENTIFIER, AETitle("WS")))

    assert raised.value.status == 0xA801


@pytest.mark.parametrize("count", [1, 5, 30, 60, 127, 150])
async def test_contexts_for_a_get_are_never_more_than_there_can_be(count):
    classes = list(STORAGE_SOP_CLASSES)[:count]

    inquiry = inquiry_for_get(STUDY_GET, classes)

    ids = [context.id for context in inquiry.contexts]
    assert len(ids) <= CONTEXTS_MAX
    assert ids == list(range(1, 2 * len(ids), 2))
    assert {role.sop_class_uid for role in inquiry.roles} == set(classes[: CONTEXTS_MAX - 1])
    assert all(role.scp and not role.scu for role in inquiry.roles)
    offered = {s for c in inquiry.contexts if c.abstract_syntax == CT for s in c.transfer_syntaxes}
    left_out = set(ALL_TRANSFER_SYNTAXES) - offered if offered else set()
    assert all(ALL_TRANSFER_SYNTAXES[one].retired for one in left_out)
    # DCMTK closes the connection on a context that has more.
    assert all(len(context.transfer_syntaxes) <= SYNTAXES_MAX for context in inquiry.contexts)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.8.1"])
async def test_what_is_held_in_a_rare_syntax_has_a_context_of_its_own(syntax):
    inquiry = inquiry_for_get(STUDY_GET, [CT, MR])

    assert (CT, (syntax,)) in [(c.abstract_syntax, c.transfer_syntaxes) for c in inquiry.contexts]
