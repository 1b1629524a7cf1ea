"""Command sets against bytes written by hand, and against pydicom's dictionary of group 0000."""

import struct

import pytest
from pydicom.datadict import dictionary_VR

from hilum.dimse.command import (
    _FIELDS,
    Command,
    CommandField,
    InvalidMessage,
    Priority,
    decode_command,
    encode_command,
    encode_response,
)
from hilum.kernel.errors import LocalProtocolError
from hilum.kernel.names import UID

CT = UID("1.2.840.10008.5.1.4.1.1.2")


def element(number, value, group=0, length=None):
    size = len(value) if length is None else length
    return struct.pack("<HHI", group, number, size) + value


def us(number, value):
    return element(number, struct.pack("<H", value))


FIELD = us(0x0100, 0x0030)
MESSAGE_ID = us(0x0110, 7)
NO_DATA = us(0x0800, 0x0101)
ECHO = FIELD + MESSAGE_ID + NO_DATA


def test_a_store_request_has_the_layout_of_the_standard():
    command = Command(
        CommandField.C_STORE_RQ,
        has_data_set=True,
        message_id=7,
        affected_sop_class_uid=CT,
        affected_sop_instance_uid=UID("1.2.3.4"),
        priority=Priority.LOW,
        move_originator_ae_title="CT1",
        move_originator_message_id=9,
    )
    body = (
        element(0x0002, CT.encode() + b"\0")
        + us(0x0100, 1)
        + us(0x0110, 7)
        + us(0x0700, 2)
        + us(0x0800, 1)
        + element(0x1000, b"1.2.3.4\0")
        + element(0x1030, b"CT1 ")
        + us(0x1031, 9)
    )

    assert encode_command(command) == element(0, struct.pack("<I", len(body))) + body
    assert decode_command(encode_command(command)) == command


EVERY_FIELD = Command(
    command_field=CommandField.C_MOVE_RSP,
    message_id=1,
    message_id_being_responded_to=2,
    affected_sop_class_uid=CT,
    requested_sop_class_uid=UID("1.2"),
    affected_sop_instance_uid=UID("1.3"),
    requested_sop_instance_uid=UID("1.4"),
    priority=Priority.HIGH,
    status=0xB000,
    offending_elements=(0x00080018, 0x00100020),
    error_comment="odd",
    error_id=3,
    move_destination="DEST",
    move_originator_ae_title="CT1",
    move_originator_message_id=4,
    event_type_id=5,
    action_type_id=6,
    attribute_identifiers=(0x7FE00010,),
    remaining_suboperations=0,
    completed_suboperations=8,
    failed_suboperations=9,
    warning_suboperations=10,
)


def test_every_field_survives_the_round_trip():
    assert decode_command(encode_command(EVERY_FIELD)) == EVERY_FIELD


def test_elements_are_ascending_even_and_counted_by_the_group_length():
    raw = encode_command(EVERY_FIELD)
    numbers, position = [], 0
    while position < len(raw):
        _, number, length = struct.unpack_from("<HHI", raw, position)
        assert length % 2 == 0
        numbers.append(number)
        position += 8 + length

    assert numbers == sorted(numbers)
    assert struct.unpack_from("<I", raw, 8)[0] == len(raw) - 12


def test_kinds_of_fields_are_those_of_the_dictionary():
    readers = {"US": "_read_number", "UI": "_read_uid", "AT": "_read_tags"}

    for number, (_, read, _) in _FIELDS.items():
        assert read.__name__ == readers.get(dictionary_VR(number), "_read_text")


@pytest.mark.parametrize(
    "raw",
    [
        ECHO,
        element(0, b"\xff\xff\xff\xff") + ECHO,  # a group length that lies
        ECHO + bytes(5),
        ECHO + bytes(8),
        ECHO + bytes(40),
        NO_DATA + MESSAGE_ID + FIELD,  # not ascending
        us(0x0001, 3) + ECHO + us(0x5110, 1),  # retired and unknown elements
        ECHO + us(0x0700, 0)[:4] + bytes(4),  # a number without a value
    ],
)
def test_what_is_harmless_is_tolerated(raw):
    command = decode_command(raw)

    assert (command.command_field, command.message_id, command.has_data_set) == (0x30, 7, False)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "without Command Field"),
        (MESSAGE_ID + NO_DATA, "without Command Field"),
        (element(0x0100, b"") + MESSAGE_ID + NO_DATA, "without Command Field"),
        (FIELD + MESSAGE_ID, "or Command Data Set Type"),
        (FIELD + NO_DATA, "a request without Message ID"),
        (us(0x0100, 0x8030) + MESSAGE_ID + NO_DATA, "without Message ID Being Responded To"),
        (us(0x0100, 0x0FFF) + MESSAGE_ID + NO_DATA, "without Message ID Being Responded To"),
        (us(0x0100, 0x4242) + NO_DATA, "a request without Message ID"),
        (ECHO + element(0x0010, b"ab", group=8), r"\(0008,0010\) in a command set"),
        (ECHO + element(0x0700, b"", length=2), r"\(0000,0700\) says 2 bytes, but 0 are left"),
        (ECHO + element(0x9999, b"", length=0xFFFFFFFF), "says 4294967295 bytes"),
        (ECHO + element(0x0700, b"\0"), "a number of 1 bytes"),
        (ECHO + element(0x0700, b"\0\0\0\0"), "a number of 4 bytes"),
        (ECHO + element(0x0901, b"\0\0\0"), "tags of 3 bytes"),
        (ECHO + element(0x0002, b"1" * 130), "a UID of 130 bytes"),
        (ECHO + MESSAGE_ID, r"\(0000,0110\) is there twice"),
        (ECHO + b"\0\0\1", "3 bytes behind the last element"),
    ],
)
def test_what_cannot_be_answered_is_refused(raw, words):
    with pytest.raises(InvalidMessage, match=words):
        decode_command(raw)


@pytest.mark.parametrize(
    ("kind", "follows"), [(0x0101, False), (0, True), (1, True), (0x0102, True)]
)
def test_only_0101_says_that_no_data_set_follows(kind, follows):
    assert decode_command(FIELD + MESSAGE_ID + us(0x0800, kind)).has_data_set is follows


@pytest.mark.parametrize("padding", [b"\0", b" ", b"\0\0", b" \0"])
def test_padding_is_stripped(padding):
    raw = ECHO + element(0x0002, CT.encode() + padding) + element(0x0600, b" DEST" + padding)

    command = decode_command(raw)

    assert (command.affected_sop_class_uid, command.move_destination) == (CT, "DEST")


def test_long_texts_are_cut_so_that_they_fill_no_log():
    command = decode_command(ECHO + element(0x0902, b"x" * 60_000))

    assert len(command.error_comment) == 256


@pytest.mark.parametrize("field", [CommandField.N_ACTION_RQ, CommandField.C_STORE_RQ, 0x0042])
def test_a_response_echoes_what_it_is_about(field):
    request = Command(
        field, message_id=7, affected_sop_class_uid=CT, affected_sop_instance_uid=UID("1.2.3")
    )

    response = decode_command(encode_response(request, 0x0211))

    assert response == Command(
        field | 0x8000,
        message_id_being_responded_to=7,
        affected_sop_class_uid=CT,
        affected_sop_instance_uid=UID("1.2.3"),
        status=0x0211,
    )


def test_a_response_to_a_request_on_an_object_says_affected():
    request = Command(
        CommandField.N_SET_RQ,
        message_id=7,
        requested_sop_class_uid=CT,
        requested_sop_instance_uid=UID("1.2.3"),
    )

    response = decode_command(encode_response(request, 0))

    assert response.affected_sop_class_uid == CT
    assert response.affected_sop_instance_uid == "1.2.3"
    assert response.requested_sop_class_uid == ""


def test_a_response_is_the_same_as_its_fields_encoded():
    request = Command(CommandField.C_ECHO_RQ, message_id=65535, affected_sop_class_uid=CT)
    response = Command(
        CommandField.C_ECHO_RSP,
        message_id_being_responded_to=65535,
        affected_sop_class_uid=CT,
        status=0xA700,
        error_comment="no room",
    )

    assert encode_response(request, 0xA700, "no room") == encode_command(response)


@pytest.mark.parametrize(
    ("comment", "sent"), [("x" * 70, "x" * 64), ("a\\b", "a/b"), ("odd", "odd"), ("☃", "?")]
)
def test_a_comment_is_always_a_valid_lo(comment, sent):
    request = Command(CommandField.C_ECHO_RQ, message_id=1)

    assert decode_command(encode_response(request, 0xC000, comment)).error_comment == sent


@pytest.mark.parametrize(
    "command",
    [
        Command(CommandField.C_ECHO_RSP, message_id_being_responded_to=1),
        Command(CommandField.C_CANCEL_RQ, message_id_being_responded_to=1),
    ],
)
def test_what_has_no_response_gets_none(command):
    with pytest.raises(LocalProtocolError):
        encode_response(command, 0)
