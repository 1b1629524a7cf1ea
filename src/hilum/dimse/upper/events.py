"""What an association tells its caller. Bytes to send are never an event: see `outgoing`."""

from dataclasses import dataclass

from hilum.dimse.upper.pdu import AssociateAccept, AssociateReject, AssociateRequest
from hilum.dimse.upper.reasons import AbortReason


@dataclass(slots=True)
class Fragment:
    """A piece of one PDV (PS3.8 §9.3.5.1).

    Not frozen: this is the hot path. `data` is a slice of what was given to `receive` and is valid
    only until the caller reuses that buffer. `is_last` says that the command set or data set ends
    with this piece; it may be empty.
    """

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


@dataclass(frozen=True, slots=True)
class AssociationRequested:
    """A peer asks for an association: answer with `accept` or `reject`."""

    request: AssociateRequest


@dataclass(frozen=True, slots=True)
class AssociationAccepted:
    """Our request was accepted; `Association.contexts` has what can be used."""

    accept: AssociateAccept


@dataclass(frozen=True, slots=True)
class AssociationRejected:
    """Our request was rejected."""

    reject: AssociateReject


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """The peer wants to end: send what is still owed, then `answer_release`."""


@dataclass(frozen=True, slots=True)
class Released:
    """The peer agreed to our release.

    In a release collision in which we accepted the association, `ReleaseRequested` follows: its
    own wish to end must then be answered too (PS3.8 §9.2, Sta12).
    """


@dataclass(frozen=True, slots=True)
class Aborted:
    """The association is gone: the peer aborted it, or its transport closed."""

    source: int
    reason: int
    text: str


@dataclass(frozen=True, slots=True)
class ProtocolViolated:
    """The peer broke the protocol; the A-ABORT for it is in `outgoing`."""

    text: str
    reason: AbortReason


@dataclass(frozen=True, slots=True)
class TransportMustClose:
    """Nothing more will be sent or read: close the transport."""


Event = (
    Fragment
    | AssociationRequested
    | AssociationAccepted
    | AssociationRejected
    | ReleaseRequested
    | Released
    | Aborted
    | ProtocolViolated
    | TransportMustClose
)
