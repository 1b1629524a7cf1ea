"""Data through an association: fragments, limits, ill-framed streams, what stays in memory."""

import pytest
from dimse_cases import (
    RELEASE_REQUEST,
    connected,
    established_acceptor,
    established_requestor,
    fragments_of,
    in_state,
    make_request,
    pdu,
    pdv,
)

from hilum.dimse.upper.association import (
    Association,
    ProtocolViolated,
    State,
    TransportMustClose,
    UpperLimits,
)
from hilum.dimse.upper.pdu import (
    UserInformation,
    encode,
)
from hilum.dimse.upper.reasons import AbortReason
from hilum.kernel.errors import LocalProtocolError
from hilum.kernel.names import UID


def test_fragments_are_slices_of_what_was_received():
    association = established_acceptor()
    buffer = bytearray(pdu(4, pdv(3, 2, b"abc")) * 2)

    first, second = association.receive(memoryview(buffer))
    buffer[12:15] = b"XYZ"

    assert bytes(first.data) == b"XYZ"
    assert bytes(second.data) == b"abc"
    assert first.data.obj is buffer


@pytest.mark.parametrize(
    "raw",
    [
        pdu(4, pdv(3, 2, b"abc"))[:-1],
        pdu(4, b""),  # a violation
        pdu(42, b"abc"),
        pdu(7, bytes(4)) + b"more",  # the end
        RELEASE_REQUEST[:7],
    ],
)
def test_the_callers_buffer_is_not_held_after_receive(raw):
    association = established_acceptor()
    buffer = bytearray(raw)

    association.receive(memoryview(buffer))

    buffer.clear()  # BufferError if anybody still had a view


@pytest.mark.parametrize("flags", range(4))
def test_flags_are_read(flags):
    (event,) = established_acceptor().receive(pdu(4, pdv(1, flags | 0xFC, b"ab")))

    assert (event.is_command, event.is_last) == (bool(flags & 1), bool(flags & 2))


def test_several_pdvs_in_one_pdu_come_out_in_order():
    body = pdv(1, 3, b"command") + pdv(3, 0, b"") + pdv(3, 2, b"data")

    events = established_acceptor().receive(pdu(4, body))

    assert fragments_of(events) == [
        (1, True, True, b"command"),
        (3, False, False, b""),
        (3, False, True, b"data"),
    ]


def test_an_empty_last_fragment_comes_out_with_its_header():
    alone = established_acceptor().receive(pdu(4, pdv(3, 2, b"")))
    behind = established_acceptor().receive(pdu(4, pdv(3, 0, b"ab") + pdv(3, 2, b"")))

    assert fragments_of(alone) == [(3, False, True, b"")]
    assert fragments_of(behind) == [(3, False, False, b"ab"), (3, False, True, b"")]


def test_only_the_last_piece_of_a_split_fragment_is_last():
    association = established_acceptor()
    raw = pdu(4, pdv(3, 2, b"abcdef"))

    pieces = association.receive(raw[:14]) + association.receive(raw[14:])

    assert fragments_of(pieces) == [(3, False, False, b"ab"), (3, False, True, b"cdef")]


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (b"", None),
        (b"\0\0\0\2\1", None),
        (pdv(3, 2, b"", 0), None),
        (pdv(3, 2, b"", 1), None),
        (pdv(3, 2, b"ab", 5), None),
        (pdv(3, 2, b"ab", 0xFFFFFFFF), None),
        (pdv(3, 0, b"ab") + pdv(3, 2, b"ab", 5), None),
        (pdv(3, 0, b"ab") + b"\0\0\0\0\0", None),
        (b"\0\0\0\0" + pdu(4, pdv(3, 2, b"ab")), 4),
        (pdv(3, 2, bytes(16379)), None),
        (pdv(3, 2, b"ab"), 16385),
        (pdv(3, 2, b"ab"), 0xFFFFFFFF),
    ],
)
def test_ill_framed_data_is_aborted_as_an_invalid_parameter(body, length):
    association = established_acceptor(maximum_length=16384)

    events = association.receive(pdu(4, body, length))

    assert isinstance(events[-1], ProtocolViolated)
    assert events[-1].reason is AbortReason.INVALID_PDU_PARAMETER_VALUE
    assert bytes(association.outgoing) == pdu(7, bytes((0, 0, 2, 6)))
    assert association.state is State.AWAITING_CLOSE


def test_what_came_before_a_violation_counts():
    association = established_acceptor()

    first, violation = association.receive(pdu(4, pdv(3, 0, b"ab") + pdv(3, 2, b"", 1)))

    assert bytes(first.data) == b"ab"
    assert isinstance(violation, ProtocolViolated)


def test_nothing_is_read_behind_a_broken_frame():
    association = established_acceptor()
    association.receive(pdu(4, b"") + pdu(4, pdv(3, 2, b"ab")))

    assert association.receive(pdu(7, bytes(4))) == []


def test_the_longest_pdu_we_announced_is_read():
    association = established_acceptor(maximum_length=64)

    (event,) = association.receive(pdu(4, pdv(3, 2, bytes(58))))

    assert len(event.data) == 58


def test_announcing_no_maximum_takes_any_length():
    association = established_acceptor(maximum_length=0)

    (event,) = association.receive(pdu(4, pdv(3, 0, b"ab", 0xFFFFFFFB), 0xFFFFFFFF))

    assert bytes(event.data) == b"ab"


def test_the_requestors_own_maximum_holds_too():
    ours, _ = connected(user_information=UserInformation(64, UID("1.2")))

    (event,) = ours.receive(pdu(4, b"", 65))

    assert "P-DATA-TF of 65 bytes; we announced 64" in event.text


@pytest.mark.parametrize(
    ("kind", "length"), [(1, 67), (1, (1 << 20) + 1), (1, 0xFFFFFFFF), (7, 3), (7, 0xFFFFFFFF)]
)
def test_a_wrong_length_is_refused_before_any_of_the_body_comes(kind, length):
    association = Association.acceptor()

    (event,) = association.receive(pdu(kind, b"", length))

    assert isinstance(event, ProtocolViolated)
    assert association.kept_length == 0
    association.receive(bytes(100_000))
    assert association.kept_length == 0


def test_a_lower_limit_is_obeyed():
    association = Association.acceptor(UpperLimits(associate_bytes_max=100))

    (event,) = association.receive(encode(make_request())[:6])

    assert "68 to 100 are read" in event.text


def test_an_unexpected_body_is_skipped_without_being_kept():
    association = in_state(State.AWAITING_LOCAL_ANSWER)

    association.receive(pdu(4, b"", 1 << 31) + bytes(10_000))

    assert association.kept_length == 0
    assert association.state is State.AWAITING_CLOSE


def test_an_abort_is_heard_behind_a_skipped_body():
    association = in_state(State.AWAITING_LOCAL_ANSWER)
    association.receive(pdu(4, b"", 1000) + bytes(999))

    assert association.receive(b"\0" + pdu(7, bytes(4))) == [TransportMustClose()]


def test_our_abort_in_the_middle_of_a_fragment_drops_the_rest_of_it():
    association = established_acceptor()
    raw = pdu(4, pdv(3, 0, b"abcd") + pdv(3, 2, b"efgh"))
    association.receive(raw[:14])
    association.abort()

    assert association.receive(raw[14:20]) == []
    assert association.receive(raw[20:] + pdu(7, bytes(4))) == [TransportMustClose()]


def test_our_abort_in_the_middle_of_a_pdv_header_drops_the_rest_of_it():
    association = established_acceptor()
    raw = pdu(4, pdv(3, 0, b"abcd"))
    association.receive(raw[:9])
    association.abort()

    assert association.receive(raw[9:] + pdu(7, bytes(4))) == [TransportMustClose()]


def test_our_release_in_the_middle_of_theirs_makes_a_collision():
    association = established_acceptor()
    association.receive(RELEASE_REQUEST[:8])
    association.release()

    assert association.receive(RELEASE_REQUEST[8:]) == []
    assert association.state is State.COLLISION_ACCEPTOR_REPLY


def test_after_our_abort_nothing_makes_us_send_another():
    association = established_acceptor()
    association.abort()

    assert association.receive(encode(make_request())) == []
    assert not association.outgoing


def test_our_abort_in_the_middle_of_theirs_is_enough():
    association = established_acceptor()
    association.receive(RELEASE_REQUEST[:8])
    association.abort()

    assert association.receive(RELEASE_REQUEST[8:]) == []
    assert not association.outgoing


@pytest.mark.parametrize(
    ("announced", "longest"), [(8, 2), (9, 2), (16384, 16378), (0, 0xFFFFFFFF - 7)]
)
def test_fragments_fit_what_the_peer_announced_and_are_even(announced, longest):
    request = make_request(user_information=UserInformation(announced, UID("1.2")))
    association = established_acceptor(request)

    assert association.peer_maximum_length == announced
    assert association.fragment_length_max == longest
    association.data_header(3, longest, is_command=False, is_last=True)
    with pytest.raises(LocalProtocolError):
        association.data_header(3, longest + 1, is_command=False, is_last=True)


def test_data_goes_out_on_accepted_contexts_only():
    association = established_acceptor()

    with pytest.raises(LocalProtocolError, match=r"context 5: there are \[1, 3\]"):
        association.data_header(5, 2, is_command=False, is_last=True)


@pytest.mark.parametrize("size", [0, 2, 10, 12, 200])
def test_a_command_is_cut_to_what_the_peer_receives(size):
    request = make_request(user_information=UserInformation(16, UID("1.2")))
    ours = established_acceptor(request)
    theirs = established_requestor()
    command = bytes(range(size))

    events = theirs.receive(ours.command(3, command))

    assert b"".join(bytes(event.data) for event in events) == command
    assert [event.is_last for event in events] == [False] * (len(events) - 1) + [True]
    assert all(event.is_command and len(event.data) <= 10 for event in events)
