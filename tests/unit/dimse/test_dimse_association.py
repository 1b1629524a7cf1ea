"""Life of an association: both roles, agreement, release, collision, the end."""

import pytest
from dimse_cases import (
    CT,
    EXPLICIT,
    IMPLICIT,
    RELEASE_REPLY,
    RELEASE_REQUEST,
    VERIFICATION,
    connected,
    established_acceptor,
    fragments_of,
    in_state,
    make_accept,
    make_request,
    pdu,
    pdv,
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
)
from hilum.dimse.upper.pdu import (
    AssociateReject,
    PresentationContext,
    UserInformation,
    encode,
)
from hilum.dimse.upper.reasons import PresentationReason, RejectResult
from hilum.kernel.errors import LocalProtocolError
from hilum.kernel.names import UID


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


def test_a_broken_request_is_aborted_as_the_acceptors_user():
    association = Association.acceptor()
    raw = bytearray(encode(make_request()))
    raw[6 + 68 + 3] = 200  # the length of the application context item

    (event,) = association.receive(bytes(raw))

    assert isinstance(event, ProtocolViolated)
    assert bytes(association.outgoing) == pdu(7, bytes(4))  # AA-1: source 0, reason 0


@pytest.mark.parametrize(
    ("said", "language"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", "TLS"),
        (b"GET / HTTP/1.1\r\n", "HTTP"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"\x0bMSH|^~\\&|", "HL7"),
    ],
)
def test_another_language_is_named(said, language):
    (event,) = Association.acceptor().receive(said)

    assert isinstance(event, ProtocolViolated)
    assert f"this is {language}" in event.text


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
