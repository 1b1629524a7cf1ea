"""C-FIND and C-CANCEL command sets, identifiers, and what extended negotiation agrees on."""

import contextlib

import pytest
from dimse_cases import EXPLICIT, IMPLICIT
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicom.building import DataSetBuilder
from hilum.dimse.message import Command, CommandField, InvalidMessage, decode_command
from hilum.dimse.service import ending
from hilum.dimse.service.ending import Ending, query_retrieve_refusal
from hilum.dimse.service.identifier import (
    IDENTIFIER_BYTES_MAX,
    IdentifierPieces,
    encode_identifier,
    read_identifier,
)
from hilum.dimse.service.query import (
    FindEnded,
    MatchFollows,
    cancel_request,
    cancels,
    find_ended,
    find_match,
    find_match_with_warning,
    find_request,
    read_find_response,
)
from hilum.dimse.service.query_negotiation import (
    FindOptions,
    RetrieveOptions,
    agreed_bytes,
    answerer,
    common,
    encode_options,
    find_options,
    retrieve_options,
)
from hilum.dimse.status import Category
from hilum.dimse.upper.items import ExtendedNegotiation
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.names import UID

FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
MOVE = UID("1.2.840.10008.5.1.4.1.2.2.2")
REQUEST = decode_command(find_request(7, FIND))
CONTEXT = Context(1, FIND, EXPLICIT, we_are_scu=False, we_are_scp=True)


def test_a_question_has_an_identifier_and_a_priority():
    assert (
        Command(
            CommandField.C_FIND_RQ,
            has_data_set=True,
            message_id=7,
            affected_sop_class_uid=FIND,
            priority=0,
        )
        == REQUEST
    )


@pytest.mark.parametrize(
    ("write", "status"), [(find_match, 0xFF00), (find_match_with_warning, 0xFF01)]
)
def test_a_match_is_pending_and_an_identifier_follows(write, status):
    assert decode_command(write(REQUEST)) == Command(
        CommandField.C_FIND_RSP,
        has_data_set=True,
        message_id_being_responded_to=7,
        affected_sop_class_uid=FIND,
        status=status,
    )


@pytest.mark.parametrize(
    ("end", "status", "offending"),
    [
        (ending.COMPLETE, 0x0000, ()),
        (ending.CANCELED, 0xFE00, ()),
        (ending.out_of_resources("full"), 0xA700, ()),
        (ending.does_not_match(0x00080052, "no level"), 0xA900, (0x00080052,)),
        (ending.does_not_match(0x00080052, "no model", 0x0122), 0x0122, (0x00080052,)),
        (ending.unable("broken", 3), 0xC003, ()),
        (ending.limit_reached("1000 at most"), 0xB001, ()),
    ],
)
def test_a_question_ends_with_a_status_and_no_data_set(end, status, offending):
    response = decode_command(find_ended(REQUEST, end))

    assert (response.status, response.offending_elements) == (status, offending)
    assert response.error_comment == end.comment
    assert not response.has_data_set


def test_a_comment_is_cut_and_stays_one_value():
    response = decode_command(find_ended(REQUEST, Ending(0xC000, "a\\b" + "x" * 100)))

    assert response.error_comment == ("a/b" + "x" * 100)[:64]


@pytest.mark.parametrize(
    ("context", "command", "status"),
    [
        (Context(1, FIND, EXPLICIT, we_are_scu=True, we_are_scp=False), REQUEST, 0x0122),
        (Context(1, MOVE, EXPLICIT, we_are_scu=False, we_are_scp=True), REQUEST, 0x0122),
        (CONTEXT, Command(0x20, message_id=1, affected_sop_class_uid=FIND), 0xA900),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_refused(context, command, status):
    assert query_retrieve_refusal(context, command).status == status


def test_a_good_request_is_not_refused():
    assert query_retrieve_refusal(CONTEXT, REQUEST) is None


def test_a_cancel_stops_its_own_request_only():
    command = decode_command(cancel_request(7))

    assert cancels(command, REQUEST)
    assert not cancels(decode_command(cancel_request(8)), REQUEST)
    assert not cancels(REQUEST, REQUEST)


def test_answers_to_our_question_are_read():
    first = read_find_response(decode_command(find_match(REQUEST)), 7)
    second = read_find_response(decode_command(find_match_with_warning(REQUEST)), 7)
    last = read_find_response(
        decode_command(find_ended(REQUEST, ending.does_not_match(0x0020000D, "no study"))), 7
    )

    assert (first, second) == (MatchFollows(True), MatchFollows(False))
    assert last == FindEnded(
        0xA900,
        Category.FAILURE,
        "Identifier Does Not Match SOP Class (0xA900): no study",
        (0x0020000D,),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"has_data_set": False},
        {"status": None},
        {"message_id_being_responded_to": 8},
        {"command_field": CommandField.C_STORE_RSP},
    ],
)
def test_a_match_that_is_none_is_an_invalid_message(change):
    response = decode_command(find_match(REQUEST))
    for name, value in change.items():
        setattr(response, name, value)

    with pytest.raises(InvalidMessage):
        read_find_response(response, 7)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_an_identifier_is_read_as_it_was_written(syntax):
    identifier = DataSetBuilder("ISO_IR 192").texts(0x00100010, "Ångström*").data_set
    pieces = IdentifierPieces()

    for byte in encode_identifier(identifier, syntax):
        pieces.take(bytes([byte]))

    assert pieces.read(syntax).text(0x00100010) == "Ångström*"


def test_an_identifier_without_elements_is_empty():
    assert len(read_identifier(b"", EXPLICIT)) == 0


def test_an_identifier_that_never_ends_is_dropped_and_refused():
    pieces = IdentifierPieces()

    for _ in range(IDENTIFIER_BYTES_MAX // 65536 + 2):
        pieces.take(bytes(65536))

    assert not pieces._bytes
    with pytest.raises(RemoteProtocolError, match="more than"):
        pieces.read(EXPLICIT)


@given(st.binary(max_size=200), st.sampled_from([EXPLICIT, IMPLICIT]))
def test_any_bytes_are_an_identifier_or_refused(data, syntax):
    with contextlib.suppress(RemoteProtocolError):
        read_identifier(data, syntax)


OURS = FindOptions(relational=True, combined_moments=True, timezone=True)


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("", ""),
        ("01", "01"),
        ("0101010101", "0101000100"),
        ("0000000000", "0000000000"),
        ("01010101010101", "0101000100"),
        ("02ff", "0000"),  # neither 0 nor 1 is no yes
    ],
)
def test_an_offer_is_answered_with_what_both_want(offered, answered):
    assert common(bytes.fromhex(offered), OURS) == bytes.fromhex(answered)


def test_only_query_and_retrieve_classes_are_answered():
    answer = answerer(
        find_classes={FIND},
        find=OURS,
        retrieve_classes={MOVE},
        retrieve=RetrieveOptions(relational=True),
    )

    assert answer(ExtendedNegotiation(FIND, b"\1\0\1")) == b"\1\0\0"
    assert answer(ExtendedNegotiation(MOVE, b"\1\1")) == b"\1\0"
    assert answer(ExtendedNegotiation(UID("1.2.3"), b"\1")) is None


def test_what_was_answered_without_being_offered_does_not_hold():
    offers = [ExtendedNegotiation(FIND, b"\1\1\0")]
    answers = [ExtendedNegotiation(FIND, b"\1\0\1\1")]

    assert find_options(agreed_bytes(offers, answers, FIND)) == FindOptions(relational=True)
    assert find_options(agreed_bytes(offers, answers, MOVE)) == FindOptions()


@given(st.builds(FindOptions, *[st.booleans()] * 5))
def test_find_options_are_read_as_written(options):
    assert find_options(encode_options(options)) == options


@given(st.builds(RetrieveOptions, *[st.booleans()] * 2))
def test_retrieve_options_are_read_as_written(options):
    assert retrieve_options(encode_options(options)) == options
