"""Associations brought into every state, then given every PDU: what they do is Table 9-10."""

import json
from pathlib import Path

import pytest
from dimse_cases import RELEASE_REPLY, RELEASE_REQUEST, in_state, make_accept, make_request

from hilum.dimse.upper.association import (
    Aborted,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    Fragment,
    ProtocolViolated,
    Released,
    ReleaseRequested,
    TransportMustClose,
)
from hilum.dimse.upper.pdu import AssociateReject, encode
from hilum.dimse.upper.reasons import AbortReason, RejectResult, UserReason
from hilum.dimse.upper.state import Role, State
from hilum.kernel.errors import LocalProtocolError

CELLS = json.loads((Path(__file__).parent / "ps3.8_table_9-10.json").read_text())
PDUS = {
    3: encode(make_accept(make_request())),
    4: encode(AssociateReject(RejectResult.PERMANENT, UserReason.NO_REASON_GIVEN)),
    6: encode(make_request()),
    10: bytes.fromhex("04 00 00000008 00000004 03 00 4142"),
    12: RELEASE_REQUEST,
    13: RELEASE_REPLY,
    16: bytes.fromhex("07 00 00000004 00000200"),
    19: bytes.fromhex("42 00 00000004 00000000"),
}
PEER_CELLS = [
    (State(int(state)), int(event), *cell.split(">"))
    for event, row in CELLS.items()
    if int(event) in PDUS
    for state, cell in row.items()
]
ABORT_BY_USER = bytes.fromhex("07 00 00000004 00 00 00 00")
ABORT_UNEXPECTED = bytes.fromhex("07 00 00000004 00 00 02 02")
ABORT_UNRECOGNIZED = bytes.fromhex("07 00 00000004 00 00 02 01")
EVENTS = {
    "AE-3": [AssociationAccepted],
    "AE-4": [AssociationRejected, TransportMustClose],
    "AE-6": [AssociationRequested],
    "DT-2": [Fragment],
    "AR-2": [ReleaseRequested],
    "AR-3": [Released, TransportMustClose],
    "AR-6": [Fragment],
    "AR-10": [Released, ReleaseRequested],
    "AA-1": [ProtocolViolated],
    "AA-2": [TransportMustClose],
    "AA-3": [Aborted, TransportMustClose],
    "AA-6": [],
    "AA-7": [],
    "AA-8": [ProtocolViolated],
}


def expected_abort(action, event):
    if action == "AA-1":
        return ABORT_BY_USER
    if action in ("AA-7", "AA-8"):
        return ABORT_UNRECOGNIZED if event == 19 else ABORT_UNEXPECTED
    return b""


@pytest.mark.parametrize(("state", "event", "action", "next_states"), PEER_CELLS)
def test_every_pdu_in_every_state_is_answered_as_the_standard_says(
    state, event, action, next_states
):
    association = in_state(state)

    events = association.receive(PDUS[event])

    assert str(association.state.value) in next_states.split("|")
    assert bytes(association.outgoing) == expected_abort(action, event)
    if action == "AR-8":  # only the requestor may answer at once
        assert events == ([ReleaseRequested()] if association.role is Role.REQUESTOR else [])
    else:
        assert [type(found) for found in events] == EVENTS[action]


@pytest.mark.parametrize("state", list(State)[1:])
def test_a_closed_transport_ends_every_state(state):
    association = in_state(state)

    events = association.receive_end()

    cell = CELLS["17"][str(state.value)]
    kinds = [Aborted, TransportMustClose] if cell == "AA-4>1" else [TransportMustClose]
    assert [type(found) for found in events] == kinds
    assert association.is_closed
    assert not association.outgoing


@pytest.mark.parametrize("state", State)
def test_an_abort_of_ours_leaves_every_state_or_has_nothing_to_do(state):
    association = in_state(state)

    sent = association.abort()

    cell = CELLS["15"].get(str(state.value), "")
    assert sent == (ABORT_BY_USER if cell.startswith("AA-1") else b"")
    assert association.state.value == int(cell.split(">")[1] if cell else state.value)


@pytest.mark.parametrize("state", State)
def test_artim_runs_in_the_two_states_that_it_can_end(state):
    association = in_state(state)

    if str(state.value) in CELLS["18"]:
        assert association.artim_running
        assert association.timer_expired() == b""
        assert association.is_closed
    else:
        assert not association.artim_running
        with pytest.raises(LocalProtocolError):
            association.timer_expired()


@pytest.mark.parametrize("state", State)
def test_data_is_sent_only_where_the_standard_allows_it(state):
    association = in_state(state)

    def send():
        return association.data_header(3, 2, is_command=False, is_last=False)

    if str(state.value) in CELLS["9"]:
        assert send() == bytes.fromhex("04 00 00000008 00000004 03 00")
    else:
        with pytest.raises(LocalProtocolError):
            send()


@pytest.mark.parametrize("state", State)
def test_a_release_is_asked_and_answered_only_where_the_standard_allows_it(state):
    for event, method, pdu in (
        ("11", "release", RELEASE_REQUEST),
        ("14", "answer_release", RELEASE_REPLY),
    ):
        association = in_state(state)
        cell = CELLS[event].get(str(state.value))
        if cell is None:
            with pytest.raises(LocalProtocolError):
                getattr(association, method)()
        else:
            assert getattr(association, method)() == pdu
            assert association.state.value == int(cell.split(">")[1])


@pytest.mark.parametrize("state", State)
def test_a_request_is_answered_only_while_it_waits(state):
    association = in_state(state)
    reject = AssociateReject(RejectResult.PERMANENT, UserReason.NO_REASON_GIVEN)

    if state is State.AWAITING_LOCAL_ANSWER:
        assert association.reject(reject) == encode(reject)
        assert association.state is State.AWAITING_CLOSE
    else:
        with pytest.raises(LocalProtocolError):
            association.reject(reject)
        with pytest.raises(LocalProtocolError):
            association.accept(make_accept(make_request()))
        assert association.state is state


def test_bytes_before_our_transport_is_open_are_a_bug_of_the_caller():
    with pytest.raises(LocalProtocolError):
        in_state(State.AWAITING_TRANSPORT).receive(RELEASE_REQUEST)


def test_bytes_after_the_end_are_dropped():
    association = in_state(State.IDLE)

    assert association.receive(PDUS[6] + RELEASE_REQUEST) == []
    assert association.receive_end() == []
    assert not association.outgoing


def test_a_peer_that_goes_on_after_an_abort_gets_no_second_one():
    association = in_state(State.ESTABLISHED)
    association.receive(PDUS[6])
    association.outgoing.clear()

    events = association.receive(PDUS[6] * 50)

    assert (events, bytes(association.outgoing)) == ([], b"")
    assert association.state is State.AWAITING_CLOSE


def test_a_violation_tells_its_reason():
    (event,) = in_state(State.ESTABLISHED).receive(PDUS[3])

    assert isinstance(event, ProtocolViolated)
    assert event.reason is AbortReason.UNEXPECTED_PDU
    assert "ACCEPT_PDU in ESTABLISHED (PS3.8 Sta6)" in event.text
