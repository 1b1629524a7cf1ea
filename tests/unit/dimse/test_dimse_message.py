"""Messages from fragments: commands whole, data as it comes, and what PS3.7 forbids."""

import pytest

from hilum.dimse.message import (
    COMMAND_SET_LENGTH_MAX,
    Command,
    CommandField,
    CommandReceived,
    DataReceived,
    InvalidMessage,
    Messages,
    encode_command,
)
from hilum.dimse.upper.association import Context, Fragment
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.names import UID

CONTEXTS = {
    number: Context(number, UID("1.2"), UID("1.3"), we_are_scu=False, we_are_scp=True)
    for number in (1, 3)
}
STORE = encode_command(Command(CommandField.C_STORE_RQ, has_data_set=True, message_id=1))
ECHO = encode_command(Command(CommandField.C_ECHO_RQ, message_id=2))


def command(context_id, data, is_last=True):
    return Fragment(context_id, True, is_last, memoryview(data))


def data(context_id, payload, is_last=False):
    return Fragment(context_id, False, is_last, memoryview(payload))


def receive_all(messages, *fragments):
    return [messages.receive(fragment) for fragment in fragments]


def test_a_command_comes_with_its_context():
    received = Messages(CONTEXTS).receive(command(3, ECHO))

    assert isinstance(received, CommandReceived)
    assert received.context is CONTEXTS[3]
    assert received.command.message_id == 2


@pytest.mark.parametrize("size", [1, 7, 20])
def test_a_command_in_pieces_is_told_when_it_is_whole(size):
    messages = Messages(CONTEXTS)
    pieces = [ECHO[start : start + size] for start in range(0, len(ECHO), size)]

    early = receive_all(messages, *[command(1, piece, is_last=False) for piece in pieces])
    whole = messages.receive(command(1, b""))  # an empty last fragment is legal

    assert set(early) == {None}
    assert isinstance(whole, CommandReceived)
    assert messages.kept_length == 0


def test_data_is_passed_on_as_it_comes():
    messages = Messages(CONTEXTS)
    payload = b"abc"
    messages.receive(command(1, STORE))

    first, last = receive_all(messages, data(1, payload), data(1, b"", is_last=True))

    assert isinstance(first, DataReceived)
    assert first.data.obj is payload
    assert (first.context_id, first.is_last) == (1, False)
    assert isinstance(last, DataReceived)
    assert last.is_last


def test_messages_follow_each_other_on_any_context():
    messages = Messages(CONTEXTS)

    received = receive_all(
        messages,
        command(1, STORE),
        data(1, b"ab", is_last=True),
        command(3, ECHO),
        command(3, STORE),
        data(3, b"cd", is_last=True),
        command(1, ECHO),
    )

    assert [type(message) for message in received] == [
        CommandReceived,
        DataReceived,
        CommandReceived,
        CommandReceived,
        DataReceived,
        CommandReceived,
    ]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([], data(1, b"ab"), "context 1, where no command announced one"),
        ([], data(0, b"ab"), "context 0, where no command announced one"),
        ([command(1, ECHO)], data(1, b"ab"), "no command announced one"),
        ([command(1, STORE)], data(3, b"ab"), "context 3, where no command"),
        ([command(1, STORE), data(1, b"", is_last=True)], data(1, b"ab"), "no command announced"),
        ([command(1, STORE)], command(1, ECHO), "before the data set on context 1 was complete"),
        ([command(1, STORE)], command(3, ECHO), "before the data set on context 1 was complete"),
        (
            [command(1, ECHO[:9], is_last=False)],
            command(3, ECHO),
            "inside the command on context 1",
        ),
        ([command(1, ECHO[:9], is_last=False)], data(1, b"ab"), "no command announced one"),
        ([], command(5, ECHO), "context 5 was not accepted"),
        ([], command(255, b"", is_last=False), "context 255 was not accepted"),
        ([], command(1, b""), "without Command Field"),
    ],
)
def test_what_belongs_to_no_message_is_refused(before, after, words):
    messages = Messages(CONTEXTS)
    receive_all(messages, *before)

    with pytest.raises(InvalidMessage, match=words) as caught:
        messages.receive(after)

    assert isinstance(caught.value, RemoteProtocolError)


def test_a_command_set_without_end_is_refused_at_its_limit():
    messages = Messages(CONTEXTS)
    half = bytes(COMMAND_SET_LENGTH_MAX // 2)
    receive_all(messages, command(1, half, is_last=False), command(1, half, is_last=False))
    assert messages.kept_length == COMMAND_SET_LENGTH_MAX

    with pytest.raises(InvalidMessage, match="more than 65536 bytes"):
        messages.receive(command(1, b"x", is_last=False))

    assert messages.kept_length == COMMAND_SET_LENGTH_MAX


@pytest.mark.parametrize("field", [CommandField.C_CANCEL_RQ, 0x0042, CommandField.C_STORE_RSP])
def test_any_command_field_is_delivered_and_its_data_set_follows(field):
    messages = Messages(CONTEXTS)
    raw = encode_command(
        Command(field, has_data_set=True, message_id=1, message_id_being_responded_to=1)
    )

    received, payload = receive_all(messages, command(1, raw), data(1, b"ab", is_last=True))

    assert isinstance(received, CommandReceived)
    assert received.command.command_field == field
    assert isinstance(payload, DataReceived)
