"""PDUs of the upper layer as values, and their bytes (PS3.8 §9.3). P-DATA-TF is in `framing`.

Never reads past what its header announced, and raises nothing but `InvalidPdu` on peer's bytes.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct
from typing import Final

from hilum.dimse.upper.item_reader import ItemReader
from hilum.dimse.upper.item_writer import (
    accepted_context,
    item,
    proposed_context,
    text,
    user_information,
)
from hilum.dimse.upper.items import (
    APPLICATION_CONTEXT,
    AcceptedContext,
    AsynchronousOperations,
    CommonExtendedNegotiation,
    ContextResult,
    ExtendedNegotiation,
    IdentityType,
    ItemType,
    PresentationContext,
    RoleSelection,
    Tolerance,
    UserIdentity,
    UserInformation,
)
from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.reasons import (
    AbortReason,
    AbortSource,
    InvalidPdu,
    RejectReason,
    RejectResult,
    reject_numbers,
    reject_reason,
    reject_words,
)
from hilum.kernel.errors import LocalProtocolError
from hilum.kernel.names import AE_TITLE_LENGTH_MAX, UID

__all__ = [
    "APPLICATION_CONTEXT",
    "Abort",
    "AbortReason",
    "AbortSource",
    "AcceptedContext",
    "AssociateAccept",
    "AssociateReject",
    "AssociateRequest",
    "AsynchronousOperations",
    "CommonExtendedNegotiation",
    "ContextResult",
    "ExtendedNegotiation",
    "IdentityType",
    "InvalidPdu",
    "Pdu",
    "PduType",
    "PresentationContext",
    "ReleaseReply",
    "ReleaseRequest",
    "RoleSelection",
    "Tolerance",
    "UserIdentity",
    "UserInformation",
    "decode",
    "encode",
]


class PduType(IntEnum):
    """The first byte of a PDU (PS3.8 §9.3.1)."""

    ASSOCIATE_REQUEST = 1
    ASSOCIATE_ACCEPT = 2
    ASSOCIATE_REJECT = 3
    DATA = 4
    RELEASE_REQUEST = 5
    RELEASE_REPLY = 6
    ABORT = 7


PROTOCOL_VERSION: Final = 1  # bit 0 is the only version there is (PS3.8 §9.3.2)


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """A-ASSOCIATE-RQ (PS3.8 §9.3.2).

    The AE titles are stripped of the spaces round them; `*_raw` are the 16 bytes as received,
    empty when we made the request. They do not count when two requests are compared.
    """

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[PresentationContext, ...]
    user_information: UserInformation
    application_context: UID = APPLICATION_CONTEXT
    protocol_version: int = PROTOCOL_VERSION
    called_ae_title_raw: bytes = field(default=b"", compare=False)
    calling_ae_title_raw: bytes = field(default=b"", compare=False)
    tolerated: frozenset[Tolerance] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """A-ASSOCIATE-AC (PS3.8 §9.3.3). The titles are those of the request, sent back untested."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[AcceptedContext, ...]
    user_information: UserInformation
    application_context: UID = APPLICATION_CONTEXT
    protocol_version: int = PROTOCOL_VERSION
    called_ae_title_raw: bytes = field(default=b"", compare=False)
    calling_ae_title_raw: bytes = field(default=b"", compare=False)
    tolerated: frozenset[Tolerance] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class AssociateReject:
    """A-ASSOCIATE-RJ (PS3.8 §9.3.4)."""

    result: RejectResult
    reason: RejectReason

    def __str__(self) -> str:
        """Say it for an operator, with the numbers of PS3.8 Table 9-21."""
        source, number = reject_numbers(self.reason)
        return (
            f"{self.result.name.lower()}: {reject_words(self.reason)} "
            f"(PS3.8 Table 9-21, {source}/{number})"
        )


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """A-RELEASE-RQ (PS3.8 §9.3.6)."""


@dataclass(frozen=True, slots=True)
class ReleaseReply:
    """A-RELEASE-RP (PS3.8 §9.3.7)."""


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT (PS3.8 §9.3.8). Any two bytes may come; `AbortSource`, `AbortReason` are to send."""

    source: int = AbortSource.USER
    reason: int = AbortReason.NOT_SPECIFIED


_HEADER: Final = Struct(">BxI")
_FIXED: Final = Struct(">Hxx16s16s32x")  # version, reserved, called, calling, reserved
_FOUR: Final = Struct(">BBBB")
_RELEASE_BODY: Final = bytes(4)  # reserved, not tested (PS3.8 §9.3.6)

Pdu = AssociateRequest | AssociateAccept | AssociateReject | ReleaseRequest | ReleaseReply | Abort


def encode(pdu: Pdu) -> bytes:
    """Give the bytes of `pdu`, header included.

    Raises:
        LocalProtocolError: a value of ours does not fit its field.
    """
    match pdu:
        case AssociateRequest():
            contexts = b"".join([proposed_context(context) for context in pdu.contexts])
            return _framed(PduType.ASSOCIATE_REQUEST, _associate(pdu, contexts))
        case AssociateAccept():
            contexts = b"".join([accepted_context(context) for context in pdu.contexts])
            return _framed(PduType.ASSOCIATE_ACCEPT, _associate(pdu, contexts))
        case AssociateReject():
            numbers = reject_numbers(pdu.reason)
            return _framed(PduType.ASSOCIATE_REJECT, _FOUR.pack(0, pdu.result.value, *numbers))
        case ReleaseRequest():
            return _framed(PduType.RELEASE_REQUEST, _RELEASE_BODY)
        case ReleaseReply():
            return _framed(PduType.RELEASE_REPLY, _RELEASE_BODY)
        case Abort():
            return _framed(PduType.ABORT, _FOUR.pack(0, 0, pdu.source, pdu.reason))


def decode(kind: PduType, body: bytes, limits: UpperLimits) -> Pdu:
    """Read the body of any PDU but P-DATA-TF, whose fragments are never assembled.

    Raises:
        InvalidPdu: the body breaks PS3.8; `reason` is what to abort with.
    """
    match kind:
        case PduType.ASSOCIATE_REQUEST:
            return _decode_request(body, limits)
        case PduType.ASSOCIATE_ACCEPT:
            return _decode_accept(body, limits)
        case PduType.DATA:
            raise LocalProtocolError("P-DATA-TF is read by PduStream, not by decode()")
        case _:
            return _decode_short(kind, body)


def check_length(kind: PduType, length: int, limits: UpperLimits) -> None:
    """Judge the length in a header before anything of the body is kept.

    Raises:
        InvalidPdu: a PDU of this type cannot have that length, or may not here.
    """
    if kind in (PduType.ASSOCIATE_REQUEST, PduType.ASSOCIATE_ACCEPT):
        if not _FIXED.size <= length <= limits.associate_bytes_max:
            raise InvalidPdu(
                f"{kind.name} of {length} bytes; {_FIXED.size} to {limits.associate_bytes_max} "
                "are read"
            )
    elif length != _FOUR.size:
        raise InvalidPdu(f"{kind.name} of {length} bytes; it has 4 (PS3.8 §9.3)")


def _framed(kind: PduType, body: bytes) -> bytes:
    return _HEADER.pack(kind, len(body)) + body


def _associate(pdu: AssociateRequest | AssociateAccept, contexts: bytes) -> bytes:
    fixed = _FIXED.pack(
        pdu.protocol_version,
        pdu.called_ae_title_raw or _padded(pdu.called_ae_title),
        pdu.calling_ae_title_raw or _padded(pdu.calling_ae_title),
    )
    application_context = item(ItemType.APPLICATION_CONTEXT, text(pdu.application_context))
    return fixed + application_context + contexts + user_information(pdu.user_information)


def _padded(title: str) -> bytes:
    if len(title) > AE_TITLE_LENGTH_MAX:
        raise LocalProtocolError(f"AE title {title!r} has more than 16 characters (PS3.5 §6.2)")
    return text(title).ljust(AE_TITLE_LENGTH_MAX)


def _title(raw: bytes, tolerated: set[Tolerance]) -> str:
    if b"\0" in raw:
        tolerated.add(Tolerance.AE_TITLE_NUL_PADDED)
    return raw.strip(b" \0").decode("latin-1")


def _decode_request(body: bytes, limits: UpperLimits) -> AssociateRequest:
    """Read version (2), reserved (2), called (16), calling (16), reserved (32), items."""
    check_length(PduType.ASSOCIATE_REQUEST, len(body), limits)
    version, called, calling = _FIXED.unpack_from(body)
    reader = ItemReader(body, limits)
    application_context, contexts, information = reader.proposals(_FIXED.size)
    return AssociateRequest(
        called_ae_title=_title(called, reader.tolerated),
        calling_ae_title=_title(calling, reader.tolerated),
        contexts=contexts,
        user_information=information,
        application_context=application_context,
        protocol_version=version,
        called_ae_title_raw=called,
        calling_ae_title_raw=calling,
        tolerated=frozenset(reader.tolerated),
    )


def _decode_accept(body: bytes, limits: UpperLimits) -> AssociateAccept:
    """Read the same layout as the request; titles and reserved bytes are not tested."""
    check_length(PduType.ASSOCIATE_ACCEPT, len(body), limits)
    version, called, calling = _FIXED.unpack_from(body)
    reader = ItemReader(body, limits)
    application_context, contexts, information = reader.answers(_FIXED.size)
    return AssociateAccept(
        called_ae_title=_title(called, reader.tolerated),
        calling_ae_title=_title(calling, reader.tolerated),
        contexts=contexts,
        user_information=information,
        application_context=application_context,
        protocol_version=version,
        called_ae_title_raw=called,
        calling_ae_title_raw=calling,
        tolerated=frozenset(reader.tolerated),
    )


def _decode_short(kind: PduType, body: bytes) -> Pdu:
    """Read the four bytes of a reject (0, result, source, reason), release or abort."""
    if len(body) != _FOUR.size:
        raise InvalidPdu(f"{kind.name} of {len(body)} bytes; it has 4 (PS3.8 §9.3)")
    _, second, source, reason = _FOUR.unpack(body)
    if kind == PduType.ASSOCIATE_REJECT:
        # A result that is not in the table ends our asking, as a permanent one does.
        result = RejectResult.TRANSIENT if second == 2 else RejectResult.PERMANENT
        return AssociateReject(result, reject_reason(source, reason))
    if kind == PduType.ABORT:
        return Abort(source, reason)
    return ReleaseRequest() if kind == PduType.RELEASE_REQUEST else ReleaseReply()
