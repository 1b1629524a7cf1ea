"""Life of an association: fragments, limits, both roles, what stays in memory."""

import struct

import pytest
from dimse_cases import (
    CT,
    EXPLICIT,
    IMPLICIT,
    RELEASE_REPLY,
    RELEASE_REQUEST,
    VERIFICATION,
    established_acceptor,
    established_requestor,
    in_state,
    make_accept,
    make_request,
)

from hilum.dimse.upper.association import (
    Aborted,
    Association,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    Context,
    Fragment,
    ProtocolViolated,
    Released,
    ReleaseRequested,
    State,
    TransportMustClose,
    UpperLimits,
)
from hilum.dimse.upper.pdu import (
    AssociateReject,
    PresentationContext,
    UserInformation,
    encode,
)
from hilum.dimse.upper.reasons import AbortReason, PresentationReason, RejectResult
from hilum.kernel.errors import LocalProtocolError
from hilum.kernel.names import UID


def pdu(kind, body, length=None):
    return struct.pack(">BxI", kind, len(body) if length is None else length) + body


def pdv(context_id, flags, payload, length=None):
    size = len(payload) + 2 if length is None else length
    return struct.pack(">IBB", size, context_id, flags) + payload


def fragments_of(events):
    return [(e.context_id, e.is_command, e.is_last, bytes(e.data)) for e in events]


def connected(**changes):
    """Join a requestor and an acceptor by a wire."""
    request = make_request(**changes)
    ours = Association.requestor(request)
    theirs = Association.acceptor()
    (asked,) = theirs.receive(ours.request())
    assert isinstance(asked, AssociationRequested)
    (answered,) = ours.receive(theirs.accept(make_accept(asked.request)))
    assert isinstance(answered, AssociationAccepted)
    return ours, theirs


def test_two_associations_agree_exchange_data_and_part():
    ours, theirs = connected()
    payload = b"abcdef"

    header = ours.data_header(3, len(payload), is_command=False, is_last=True)
    data = theirs.receive(header + payload)
    asked = theirs.receive(ours.release())
    late = ours.receive(theirs.data_header(3, 2, is_command=True, is_last=False) + b"xy")
    done = ours.receive(theirs.answer_release())

    assert fragments_of(data) == [(3, False, True, b"abcdef")]
    assert asked == [ReleaseRequested()]
    assert fragments_of(late) == [(3, True, False, b"xy")]
    assert done == [Released(), TransportMustClose()]
    assert theirs.receive_end() == [TransportMustClose()]
    assert ours.is_closed
    assert theirs.is_closed


def test_both_sides_see_the_same_contexts_with_their_own_role():
    ours, theirs = connected()

    assert ours.contexts[3] == Context(3, CT, EXPLICIT, we_are_scu=True, we_are_scp=False)
    assert theirs.contexts[3] == Context(3, CT, EXPLICIT, we_are_scu=False, we_are_scp=True)
    assert ours.contexts.keys() == theirs.contexts.keys() == {1, 3}


def test_a_rejected_request_closes():
    association = in_state(State.AWAITING_ANSWER)
    reject = AssociateReject(RejectResult.TRANSIENT, PresentationReason.LOCAL_LIMIT_EXCEEDED)

    events = association.receive(encode(reject))

    assert events == [AssociationRejected(reject), TransportMustClose()]
    assert association.is_closed


def test_a_release_collision_is_walked_through_by_both_sides():
    ours, theirs = connected()
    our_request, their_request = ours.release(), theirs.release()

    assert ours.receive(their_request) == [ReleaseRequested()]
    assert theirs.receive(our_request) == []  # the requestor answers first
    with pytest.raises(LocalProtocolError):
        theirs.answer_release()
    assert theirs.receive(ours.answer_release()) == [Released(), ReleaseRequested()]
    assert ours.receive(theirs.answer_release()) == [Released(), TransportMustClose()]
    assert theirs.state is State.AWAITING_CLOSE


def test_an_abort_says_who_and_why():
    events = established_acceptor().receive(pdu(7, bytes((0, 0, 2, 6))))

    assert events == [
        Aborted(
            2,
            6,
            "aborted by its provider: invalid PDU parameter value (PS3.8 Table 9-26, 2/6)",
        ),
        TransportMustClose(),
    ]


@pytest.mark.parametrize(("source", "reason"), [(0, 0), (0, 9), (1, 1), (2, 3), (255, 255)])
def test_any_abort_is_understood(source, reason):
    event, _ = established_acceptor().receive(pdu(7, bytes((0, 0, source, reason))))

    assert (event.source, event.reason) == (source, reason)
    assert f"{source}/{reason}" in event.text


def test_a_lost_transport_tells_where_we_were():
    event, _ = established_acceptor().receive_end()

    assert event.text == "the transport closed in ESTABLISHED (PS3.8 Sta6)"


def test_fragments_are_slices_of_what_was_received():
    association = established_acceptor()
    buffer = bytearray(pdu(4, pdv(3, 2, b"abc")) * 2)

    first, second = association.receive(memoryview(buffer))
    buffer[12:15] = b"XYZ"

    assert bytes(first.data) == b"XYZ"
    assert bytes(second.data) == b"abc"
    assert first.data.obj is buffer


def test_the_callers_buffer_is_not_held_after_receive():
    association = established_acceptor()
    buffer = bytearray(pdu(4, pdv(3, 2, b"abc"))[:-1])

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
    (event,) = established_acceptor().receive(pdu(4, pdv(3, 2, b"")))

    assert fragments_of([event]) == [(3, False, True, b"")]


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


def test_our_abort_in_the_middle_of_theirs_is_enough():
    association = established_acceptor()
    association.receive(RELEASE_REQUEST[:8])
    association.abort()

    assert association.receive(RELEASE_REQUEST[8:]) == []
    assert not association.outgoing


def test_a_broken_request_is_aborted_as_the_acceptors_user():
    association = Association.acceptor()
    raw = bytearray(encode(make_request()))
    raw[6 + 68 + 3] = 200  # the length of the application context item

    (event,) = association.receive(bytes(raw))

    assert isinstance(event, ProtocolViolated)
    assert bytes(association.outgoing) == pdu(7, bytes(4))  # AA-1: source 0, reason 0


def test_data_behind_the_request_does_not_wait_for_our_answer():
    association = Association.acceptor()

    events = association.receive(encode(make_request()) + pdu(4, pdv(1, 3, b"ab")))

    assert [type(event) for event in events] == [AssociationRequested, ProtocolViolated]


def test_an_accept_and_data_in_one_read_are_both_told():
    request = make_request()
    association = Association.requestor(request)
    association.request()

    events = association.receive(encode(make_accept(request)) + pdu(4, pdv(1, 3, b"ab")))

    assert [type(event) for event in events] == [AssociationAccepted, Fragment]


def test_a_peer_that_receives_next_to_nothing_is_refused():
    tiny = make_request(user_information=UserInformation(7, UID("1.2")))

    (event,) = Association.acceptor().receive(encode(tiny))

    assert isinstance(event, ProtocolViolated)


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


def test_an_acceptor_has_nothing_to_request():
    with pytest.raises(LocalProtocolError):
        Association.acceptor().request()


def test_a_request_goes_out_once():
    association = Association.requestor(make_request())
    assert association.request() == encode(make_request())

    with pytest.raises(LocalProtocolError):
        association.request()


def test_contexts_are_there_when_the_requestor_hears_of_the_accept():
    request = make_request(contexts=(PresentationContext(1, VERIFICATION, (IMPLICIT,)),))
    association = Association.requestor(request)
    association.request()

    association.receive(encode(make_accept(request)))

    assert association.contexts == {
        1: Context(1, VERIFICATION, IMPLICIT, we_are_scu=True, we_are_scp=False)
    }


def test_release_pdus_are_what_the_table_says():
    association = established_acceptor()
    association.receive(RELEASE_REQUEST)

    assert association.answer_release() == RELEASE_REPLY
    assert association.artim_running
