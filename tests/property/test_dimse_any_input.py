"""Whatever the peer sends and whenever our side acts: events or an abort, never an exception."""

import struct

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hilum.dimse.upper.association import (
    Aborted,
    Association,
    AssociationRequested,
    ProtocolViolated,
    State,
    TransportMustClose,
)
from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.negotiation import Policy, negotiate
from hilum.dimse.upper.pdu import (
    Abort,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    PresentationContext,
    ReleaseReply,
    ReleaseRequest,
    UserInformation,
    encode,
)
from hilum.dimse.upper.reasons import RejectResult, UserReason
from hilum.kernel.errors import LocalProtocolError
from hilum.kernel.names import UID

CT = UID("1.2.840.10008.5.1.4.1.1.2")
REQUEST = AssociateRequest(
    "HILUM",
    "CT1",
    (PresentationContext(1, CT, (UID("1.2.840.10008.1.2"),)),),
    UserInformation(16384, UID("1.2.3")),
)
ACCEPT = negotiate(REQUEST, Policy(abstract_syntaxes={CT}))
assert isinstance(ACCEPT, AssociateAccept)
REJECT = AssociateReject(RejectResult.PERMANENT, UserReason.NO_REASON_GIVEN)
VALID = [
    encode(pdu) for pdu in (REQUEST, ACCEPT, REJECT, ReleaseRequest(), ReleaseReply(), Abort(2, 2))
]
VALID.append(struct.pack(">BxIIBB", 4, 8, 4, 1, 3) + b"ab")
LIMITS = UpperLimits(associate_bytes_max=2000)


class AnyInput(RuleBasedStateMachine):
    """One association between a peer that does anything and a caller that may do anything."""

    @initialize(as_acceptor=st.booleans())
    def begin(self, as_acceptor):
        if as_acceptor:
            self.association = Association.acceptor(LIMITS)
        else:
            self.association = Association.requestor(REQUEST, LIMITS)
        self.aborted = False
        self.held = b""

    def receive(self, raw):
        if self.association.state is State.AWAITING_TRANSPORT:
            with pytest.raises(LocalProtocolError):
                self.association.receive(raw)
            return
        events = self.association.receive(raw)
        if any(isinstance(event, ProtocolViolated) for event in events):
            assert self.association.state in (State.AWAITING_CLOSE, State.IDLE)
            assert self.association.outgoing
        if any(isinstance(event, TransportMustClose | Aborted) for event in events):
            assert self.association.is_closed
        if any(isinstance(event, AssociationRequested) for event in events):
            assert not self.aborted

    @rule(pdu=st.sampled_from(VALID))
    def peer_sends_a_valid_pdu(self, pdu):
        self.receive(pdu)

    @rule(pdu=st.sampled_from(VALID), cut=st.integers(1, 300))
    def peer_sends_a_piece_of_a_pdu(self, pdu, cut):
        self.receive(pdu[:cut])

    @rule(kind=st.integers(0, 9), body=st.binary(max_size=200))
    def peer_sends_a_framed_body(self, kind, body):
        self.receive(struct.pack(">BxI", kind, len(body)) + body)

    @rule(kind=st.sampled_from([1, 2]), items=st.binary(max_size=120))
    def peer_sends_nonsense_items(self, kind, items):
        self.receive(struct.pack(">BxI", kind, 68 + len(items)) + b"\0\1" + bytes(66) + items)

    @rule(pdu=st.sampled_from(VALID), at=st.integers(0, 250), value=st.integers(0, 255))
    def peer_sends_a_pdu_with_a_byte_changed(self, pdu, at, value):
        raw = bytearray(pdu)
        raw[at % len(raw)] = value
        self.receive(bytes(raw))

    @rule()
    def transport_closes(self):
        self.association.receive_end()
        assert self.association.is_closed

    @rule(
        act=st.sampled_from(
            [
                lambda association: association.request(),
                lambda association: association.accept(ACCEPT),
                lambda association: association.reject(REJECT),
                lambda association: association.release(),
                lambda association: association.answer_release(),
                lambda association: association.timer_expired(),
                lambda association: association.data_header(1, 2, is_command=True, is_last=True),
            ]
        )
    )
    def we_act(self, act):
        before = self.association.state
        try:
            act(self.association)
        except LocalProtocolError:
            assert self.association.state is before

    @precondition(lambda self: not self.association.is_closed)
    @rule()
    def we_abort(self):
        self.association.abort()

    @invariant()
    def memory_is_bounded(self):
        if hasattr(self, "association"):
            assert self.association.kept_length <= LIMITS.associate_bytes_max
            assert len(self.association.outgoing) <= 10  # one A-ABORT, however long it goes on


AnyInput.TestCase.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)
test_any_input_in_any_state = AnyInput.TestCase
