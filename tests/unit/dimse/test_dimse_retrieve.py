"""C-MOVE and C-GET command sets, and the counting of their sub-operations."""

import pytest
from dimse_cases import CT, EXPLICIT, IMPLICIT
from hypothesis import given
from hypothesis import strategies as st

from hilum.dimse.command import encode_command
from hilum.dimse.message import Command, CommandField, InvalidMessage, decode_command
from hilum.dimse.service import ending
from hilum.dimse.service.ending import ended
from hilum.dimse.service.identifier import read_identifier
from hilum.dimse.service.retrieve import (
    Progress,
    failed_list,
    failed_of,
    get_request,
    move_request,
    originator_of,
    read_get_response,
    read_move_response,
    retrieve_ended,
    retrieve_pending,
    store_contexts,
)
from hilum.dimse.service.storage import MoveOriginator
from hilum.dimse.service.suboperations import Counts, SubOperations
from hilum.dimse.status import Category
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.errors import LocalProtocolError
from hilum.kernel.names import UID, AETitle

MOVE_CLASS = UID("1.2.840.10008.5.1.4.1.2.2.2")
GET_CLASS = UID("1.2.840.10008.5.1.4.1.2.2.3")
MOVE = decode_command(move_request(5, MOVE_CLASS, destination=AETitle("WS1"), priority=1))
GET = decode_command(get_request(6, GET_CLASS))


def worked(*statuses, total=None):
    work = SubOperations(len(statuses) if total is None else total)
    for number, status in enumerate(statuses):
        work.stored(UID(f"1.2.{number}"), status)
    return work


def test_a_move_names_its_destination_and_priority():
    assert (
        Command(
            CommandField.C_MOVE_RQ,
            has_data_set=True,
            message_id=5,
            affected_sop_class_uid=MOVE_CLASS,
            priority=1,
            move_destination="WS1",
        )
        == MOVE
    )


def test_a_get_names_no_destination():
    assert (GET.command_field, GET.move_destination) == (CommandField.C_GET_RQ, "")


def test_stores_of_a_move_say_who_asked():
    assert originator_of(MOVE, "CONSOLE") == MoveOriginator("CONSOLE", 5)


def test_a_pending_response_has_all_counters():
    work = worked(0, 0xB000, 0xA700, total=9)

    response = decode_command(retrieve_pending(MOVE, work.counts))

    assert (response.status, response.has_data_set) == (0xFF00, False)
    assert read_move_response(response, 5) == Progress(Counts(6, 1, 1, 1))
    assert response.remaining_suboperations == 6


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ((), 0x0000),
        ((0, 0), 0x0000),
        ((0, 0xB007), 0xB000),
        ((0, 0xA900), 0xB000),
        ((0xB000, 0xC000), 0xB000),
        ((0xA700, 0x0110), 0xA702),
    ],
)
def test_the_whole_ends_as_its_parts_did(statuses, status):
    assert worked(*statuses).ending().status == status


def test_a_success_counts_no_remaining_and_lists_nothing():
    work = worked(0, 0)

    response = decode_command(retrieve_ended(MOVE, work.ending(), work))

    assert response.remaining_suboperations is None
    assert not response.has_data_set
    assert (response.completed_suboperations, response.failed_suboperations) == (2, 0)


def test_failures_are_listed_by_uid():
    work = worked(0, 0xC000, 0xB000, 0x0122)

    response = decode_command(retrieve_ended(GET, work.ending(), work))
    answer = read_get_response(response, 6)

    assert answer.failed_list_follows
    assert answer.category is Category.WARNING
    assert answer.counts == Counts(0, 1, 2, 1)
    assert "2 of 4 failed" in answer.words
    assert work.failed == ["1.2.1", "1.2.3"]


def test_a_cancelled_move_tells_what_remains():
    work = worked(0, total=3)

    response = decode_command(retrieve_ended(MOVE, work.canceled(), work))

    assert (response.status, response.remaining_suboperations) == (0xFE00, 2)


def test_a_cancel_that_comes_too_late_changes_nothing():
    assert worked(0, 0).canceled() == ending.COMPLETE


def test_an_unknown_destination_is_answered_without_counters():
    response = decode_command(encode_command(ended(MOVE, ending.unknown_destination())))

    assert (response.status, response.completed_suboperations) == (0xA801, None)
    assert response.error_comment


def test_what_has_no_context_has_failed():
    work = SubOperations(1)

    work.not_stored(UID("1.2.3"))

    assert (work.remaining, work.has_failed, work.ending().status) == (0, True, 0xA702)


def test_more_endings_than_sub_operations_are_a_bug():
    with pytest.raises(LocalProtocolError):
        worked(0, 0, total=1)


def test_a_counter_has_sixteen_bits():
    assert SubOperations(70_000).counts.remaining == 65_535


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("number", [1, 2, 5000])
def test_the_failed_list_is_read_as_written(syntax, number):
    failed = [UID(f"1.2.840.10008.123456789.{one}") for one in range(number)]

    assert failed_of(read_identifier(failed_list(failed, syntax), syntax)) == tuple(failed)


def test_a_get_sends_where_the_requestor_is_scp():
    ours = Context(3, CT, EXPLICIT, we_are_scu=True, we_are_scp=False)
    other = Context(5, CT, IMPLICIT, we_are_scu=True, we_are_scp=False)
    theirs = Context(1, GET_CLASS, EXPLICIT, we_are_scu=False, we_are_scp=True)

    assert store_contexts({1: theirs, 3: ours, 5: other}) == {CT: (ours, other)}


def test_a_move_response_is_no_answer_to_a_get():
    with pytest.raises(InvalidMessage):
        read_get_response(decode_command(retrieve_pending(MOVE, Counts(1))), 5)


@given(st.lists(st.integers(0, 0xFFFF), max_size=30), st.integers(0, 5))
def test_every_sub_operation_is_counted_once(statuses, left):
    work = worked(*statuses, total=len(statuses) + left)
    counts = work.counts

    assert (
        counts.completed + counts.failed + counts.warned + counts.remaining == len(statuses) + left
    )
    assert counts.remaining == left
    assert len(work.failed) == counts.failed
