"""One association as a value machine: bytes in, events out, both roles (PS3.8 §9.2).

No socket and no clock: the caller moves bytes, and runs ARTIM while `artim_running` is true.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Final, Self

from hilum.dimse.upper.events import (
    Aborted,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    Event,
    Fragment,
    ProtocolViolated,
    Released,
    ReleaseRequested,
    TransportMustClose,
)
from hilum.dimse.upper.framing import PduHeader, PduStream, WholePdu
from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.negotiation import Context, negotiated_contexts
from hilum.dimse.upper.pdu import (
    Abort,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    PduType,
    ReleaseReply,
    ReleaseRequest,
    check_length,
    decode,
    encode,
)
from hilum.dimse.upper.reasons import AbortReason, AbortSource, InvalidPdu, abort_words
from hilum.dimse.upper.state import Action, Input, Role, State, transition
from hilum.kernel.errors import LocalProtocolError

__all__ = [
    "Aborted",
    "Association",
    "AssociationAccepted",
    "AssociationRejected",
    "AssociationRequested",
    "Context",
    "Event",
    "Fragment",
    "ProtocolViolated",
    "ReleaseRequested",
    "Released",
    "Role",
    "State",
    "TransportMustClose",
    "UpperLimits",
]

_DATA_HEADERS: Final = Struct(">BxIIBB")
_PDV_OVERHEAD: Final = 6  # PDV length (4), context id, message control header
_NO_LIMIT: Final = 0xFFFFFFFF  # what four bytes of PDU length can say
_ARTIM_STATES: Final = frozenset({State.AWAITING_REQUEST, State.AWAITING_CLOSE})
_DATA_STATES: Final = frozenset({State.ESTABLISHED, State.AWAITING_RELEASE_REPLY})
_DEFAULT_LIMITS: Final = UpperLimits()

# What stands first in the bytes of those who take a port for another; nearly always it is that.
_OTHER_LANGUAGES: Final[Mapping[int, str]] = {
    0x15: ": this is TLS, and here is none",
    0x16: ": this is TLS, and here is none",
    **dict.fromkeys(b"DGHOP", ": this is HTTP, not DICOM"),  # of its methods and answers
    0x0B: ": this is HL7 (MLLP), not DICOM",
}
_INPUT_OF: Final[Mapping[int, Input]] = {
    PduType.ASSOCIATE_REQUEST: Input.REQUEST_PDU,
    PduType.ASSOCIATE_ACCEPT: Input.ACCEPT_PDU,
    PduType.ASSOCIATE_REJECT: Input.REJECT_PDU,
    PduType.DATA: Input.DATA_PDU,
    PduType.RELEASE_REQUEST: Input.RELEASE_REQUEST_PDU,
    PduType.RELEASE_REPLY: Input.RELEASE_REPLY_PDU,
    PduType.ABORT: Input.ABORT_PDU,
}
_UNEXPECTED: Final = frozenset({Action.AA_1, Action.AA_6, Action.AA_7, Action.AA_8})


class Association:
    """The upper layer of one association.

    After every call the caller sends what is in `outgoing` and clears it, closes the transport
    when `TransportMustClose` came or `is_closed` is true, and looks at `artim_running`.

    A method that gives bytes raises LocalProtocolError where PS3.8 Table 9-10 has an empty cell:
    who lets time pass between an event and the answer to it looks at `state` first.
    """

    def __init__(self, role: Role, state: State, limits: UpperLimits) -> None:
        """Start in `state`; use `acceptor` or `requestor`."""
        self.outgoing = bytearray()
        self._role = role
        self._state = state
        self._limits = limits
        self._stream = PduStream()
        self._request: AssociateRequest | None = None
        self._contexts: dict[int, Context] = {}
        self._maximum_length = 0
        self._peer_maximum_length = 0
        self._fragment_length_max = 0
        self._abort_sent = False

    @classmethod
    def acceptor(cls, limits: UpperLimits = _DEFAULT_LIMITS) -> Self:
        """Begin with a transport that a peer opened (Evt5): its request must come."""
        _, state = transition(State.IDLE, Input.TRANSPORT_ACCEPTED, Role.ACCEPTOR)
        return cls(Role.ACCEPTOR, state, limits)

    @classmethod
    def requestor(cls, request: AssociateRequest, limits: UpperLimits = _DEFAULT_LIMITS) -> Self:
        """Begin before our transport is open (Evt1); `request` gives what to send when it is."""
        _, state = transition(State.IDLE, Input.LOCAL_REQUEST, Role.REQUESTOR)
        association = cls(Role.REQUESTOR, state, limits)
        association._request = request
        association._maximum_length = request.user_information.maximum_length
        return association

    @property
    def state(self) -> State:
        """Where PS3.8 Table 9-10 sees us."""
        return self._state

    @property
    def role(self) -> Role:
        """Which side we are."""
        return self._role

    @property
    def contexts(self) -> Mapping[int, Context]:
        """The presentation contexts that can be used; empty before the association exists."""
        return self._contexts

    @property
    def peer_maximum_length(self) -> int:
        """The longest P-DATA-TF variable field the peer receives; 0 is no limit."""
        return self._peer_maximum_length

    @property
    def fragment_length_max(self) -> int:
        """The longest fragment `data_header` can announce to this peer; always even."""
        return self._fragment_length_max

    @property
    def is_closed(self) -> bool:
        """Tell whether nothing is left but to close the transport."""
        return self._state is State.IDLE

    @property
    def artim_running(self) -> bool:
        """Tell whether the ARTIM timer should run; start it anew whenever `state` changed."""
        return self._state in _ARTIM_STATES

    @property
    def kept_length(self) -> int:
        """Tell how many bytes of the peer's are held in memory."""
        return self._stream.kept_length

    def receive(self, data: memoryview | bytes | bytearray) -> list[Event]:
        """Take all of `data`, split anywhere, and tell what happened, in order.

        Fragments are slices of `data`. A violation ends the list: what came before it counts.

        Raises:
            LocalProtocolError: the transport is not open yet.
        """
        if self._state is State.AWAITING_TRANSPORT:
            raise LocalProtocolError("received bytes before request() was sent (PS3.8 Sta4)")
        events: list[Event] = []
        stream = self._stream
        stream.open(data if isinstance(data, memoryview) else memoryview(data))
        try:
            while (found := stream.next(events)) is not None:
                if isinstance(found, PduHeader):
                    self._judge(found, events)
                else:
                    self._handle(found, events)
        except InvalidPdu as error:
            stream.stop()  # out of step: nothing behind it can be read
            self._refuse(Input.INVALID_PDU, error, events)
        return events

    def receive_end(self) -> list[Event]:
        """Note that the transport closed."""
        if self._state is State.IDLE:
            return []
        before = self._state
        events: list[Event] = []
        if self._step(Input.TRANSPORT_CLOSED) is Action.AA_4:
            text = f"the transport closed in {before.name} (PS3.8 Sta{before.value})"
            events.append(Aborted(AbortSource.PROVIDER, AbortReason.NOT_SPECIFIED, text))
        events.append(TransportMustClose())
        return events

    def request(self) -> bytes:
        """Give the A-ASSOCIATE-RQ: the transport is open now."""
        if self._request is None:
            raise LocalProtocolError("an acceptor has no request to send")
        pdu = encode(self._request)
        self._step(Input.TRANSPORT_OPEN)
        return pdu

    def accept(self, accept: AssociateAccept) -> bytes:
        """Give the A-ASSOCIATE-AC; data may come as soon as it is sent."""
        pdu = encode(accept)
        self._maximum_length = accept.user_information.maximum_length
        self._step(Input.LOCAL_ACCEPT)
        if self._request is not None:
            self._contexts = negotiated_contexts(self._request, accept, self._role)
        return pdu

    def reject(self, reject: AssociateReject) -> bytes:
        """Give the A-ASSOCIATE-RJ; the peer closes, or ARTIM ends it."""
        pdu = encode(reject)
        self._step(Input.LOCAL_REJECT)
        return pdu

    def release(self) -> bytes:
        """Give the A-RELEASE-RQ; data may still come until `Released`."""
        self._step(Input.LOCAL_RELEASE)
        return encode(ReleaseRequest())

    def answer_release(self) -> bytes:
        """Give the A-RELEASE-RP, after everything owed was sent."""
        self._step(Input.LOCAL_RELEASE_ANSWER)
        return encode(ReleaseReply())

    def abort(
        self, source: int = AbortSource.USER, reason: int = AbortReason.NOT_SPECIFIED
    ) -> bytes:
        """Give the A-ABORT; empty where there is nothing to abort, only a transport to close."""
        if self._state in _ARTIM_STATES or self._state is State.IDLE:
            return b""
        if self._step(Input.LOCAL_ABORT) is Action.AA_2:
            return b""
        self._abort_sent = True
        return encode(Abort(source, reason))

    def timer_expired(self) -> bytes:
        """Note that ARTIM ran out: the transport must close, nothing is sent (AA-2)."""
        self._step(Input.ARTIM_EXPIRED)
        return b""

    def data_header(
        self, context_id: int, length: int, *, is_command: bool, is_last: bool
    ) -> bytes:
        """Give the 12 bytes before a fragment of `length` bytes: a P-DATA-TF with one PDV.

        Raises:
            LocalProtocolError: no data can be sent now, not on that context, or not that much.
        """
        if self._state is not State.ESTABLISHED:
            self._step(Input.LOCAL_DATA)
        if context_id not in self._contexts or not 0 <= length <= self._fragment_length_max:
            raise LocalProtocolError(
                f"cannot send {length} bytes on context {context_id}: there are "
                f"{sorted(self._contexts)}, the peer takes {self._fragment_length_max} bytes"
            )
        flags = is_command | is_last << 1  # PS3.8 Annex E.2
        return _DATA_HEADERS.pack(
            PduType.DATA, length + _PDV_OVERHEAD, length + 2, context_id, flags
        )

    def command(self, context_id: int, command: bytes) -> bytes:
        """Give the P-DATA-TF PDUs for a whole command set, in as many as the peer needs."""
        length_max = self._fragment_length_max
        if len(command) <= length_max:
            header = self.data_header(context_id, len(command), is_command=True, is_last=True)
            return header + command
        pieces = bytearray()
        for start in range(0, len(command), length_max):
            piece = command[start : start + length_max]
            is_last = start + length_max >= len(command)
            pieces += self.data_header(context_id, len(piece), is_command=True, is_last=is_last)
            pieces += piece
        return bytes(pieces)

    def _step(self, happened: Input) -> Action:
        """Move to the next state; raises LocalProtocolError where the table has none."""
        action, state = transition(self._state, happened, self._role)
        if state is not self._state:
            self._enter(state)
        return action

    def _enter(self, state: State) -> None:
        self._state = state
        if state is State.ESTABLISHED:
            self._stream.data_length_max = self._maximum_length or _NO_LIMIT
        elif state is State.IDLE:
            self._stream.stop()
        elif state not in _DATA_STATES:
            self._stream.skip_data()

    def _judge(self, header: PduHeader, events: list[Event]) -> None:
        """Decide about a PDU by its header alone, before any of its body is kept."""
        happened = _INPUT_OF.get(header.kind)
        if happened is None:
            raise InvalidPdu(
                f"PDU type 0x{header.kind:02X} does not exist (PS3.8 §9.3.1)"
                + _OTHER_LANGUAGES.get(header.kind, ""),
                AbortReason.UNRECOGNIZED_PDU,
            )
        kind = PduType(header.kind)
        if self._refused(happened, events):
            self._stream.skip(header.length)
        elif kind is PduType.DATA:
            raise InvalidPdu(
                f"P-DATA-TF of {header.length} bytes; we announced {self._maximum_length} "
                "(PS3.8 §D.1)"
            )
        else:
            check_length(kind, header.length, self._limits)
            self._stream.keep(header)

    def _handle(self, found: WholePdu, events: list[Event]) -> None:
        happened = _INPUT_OF[found.kind]
        # Judged again: the caller may have aborted or released while the body came in.
        if self._refused(happened, events):
            return
        pdu = decode(PduType(found.kind), found.body, self._limits)
        match pdu:
            case AssociateRequest():
                self._request = pdu
                self._note_peer(pdu.user_information.maximum_length)
                self._step(happened)
                events.append(AssociationRequested(pdu))
            case AssociateAccept():
                self._contexts = self._agreed(pdu)
                self._note_peer(pdu.user_information.maximum_length)
                self._step(happened)
                events.append(AssociationAccepted(pdu))
            case AssociateReject():
                self._step(happened)
                events += (AssociationRejected(pdu), TransportMustClose())
            case Abort():
                self._aborted(pdu, events)
            case ReleaseRequest() | ReleaseReply():
                self._tell_of_release(self._step(happened), events)

    def _refused(self, happened: Input, events: list[Event]) -> bool:
        """Answer a PDU that this state does not expect; tell whether it was one."""
        action, _ = transition(self._state, happened, self._role)
        if action not in _UNEXPECTED:
            return False
        text = f"{happened.name} in {self._state.name} (PS3.8 Sta{self._state.value})"
        self._refuse(happened, InvalidPdu(text, AbortReason.UNEXPECTED_PDU), events)
        return True

    def _refuse(self, happened: Input, error: InvalidPdu, events: list[Event]) -> None:
        """Carry out AA-1, AA-6, AA-7 or AA-8.

        One A-ABORT an association is enough: a peer that goes on after it cannot make us send more.
        """
        action = self._step(happened)
        if action is Action.AA_6:
            return
        if not self._abort_sent:
            self._abort_sent = True
            by_user = action is Action.AA_1  # its reason is not significant (PS3.8 Table 9-26)
            self.outgoing += encode(
                Abort() if by_user else Abort(AbortSource.PROVIDER, error.reason)
            )
        if action is not Action.AA_7:
            events.append(ProtocolViolated(str(error), error.reason))

    def _aborted(self, abort: Abort, events: list[Event]) -> None:
        """Carry out AA-2 or AA-3."""
        if self._step(Input.ABORT_PDU) is Action.AA_3:
            text = abort_words(abort.source, abort.reason)
            events.append(Aborted(abort.source, abort.reason, text))
        events.append(TransportMustClose())

    def _tell_of_release(self, action: Action, events: list[Event]) -> None:
        """Carry out AR-2, AR-3, AR-8 or AR-10."""
        if action is Action.AR_3:
            events += (Released(), TransportMustClose())
        elif action is Action.AR_10:
            events += (Released(), ReleaseRequested())
        elif self._state is not State.COLLISION_ACCEPTOR_REPLY:
            # In that one the answer may only be given after AR-10, which tells of it then.
            events.append(ReleaseRequested())

    def _agreed(self, accept: AssociateAccept) -> dict[int, Context]:
        if self._request is None:
            return {}
        return negotiated_contexts(self._request, accept, self._role)

    def _note_peer(self, maximum_length: int) -> None:
        self._peer_maximum_length = maximum_length
        fragment = (maximum_length or _NO_LIMIT) - _PDV_OVERHEAD
        self._fragment_length_max = fragment - fragment % 2  # even (PS3.8 §E.1)
