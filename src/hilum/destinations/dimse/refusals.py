"""What a peer's refusal means for the operator: its words, and what to change."""

from collections.abc import Sequence
from typing import Final

from hilum.destinations.dimse.address import Address
from hilum.dimse.status import Service, describe
from hilum.dimse.upper.items import ContextResult
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import (
    AcseReason,
    PresentationReason,
    RejectReason,
    RejectResult,
    UserReason,
)
from hilum.kernel.errors import HilumError, Rejected, Unreachable


class Busy(Unreachable):
    """The peer answered, and what it said was: not now."""


class OperationFailed(Rejected):
    """The peer answered a query or a retrieval with a failure.

    `words` are those of the status and what the peer adds: it may add anything, names of patients
    too, so they are for the eyes of whoever asks and not for logs.
    """

    def __init__(self, text: str, *, status: int, words: str) -> None:
        super().__init__(text)
        self.status = status
        self.words = words


def failure_of(
    address: Address,
    service: Service,
    status: int,
    *,
    words: str,
    offending_elements: Sequence[int] = (),
) -> OperationFailed:
    """Make the error for a last response that is a failure."""
    text = f"{address} answered our {service.value}: {describe(status, service)}"
    if offending_elements:
        tags = ", ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in offending_elements)
        text += f", about {tags}"
    return OperationFailed(text, status=status, words=words)


_NAMES: Final = "Does it know {calling!r} and this host? Is {called!r} its AE title?"
_SERVICE: Final = "Is this a DICOM service?"
_LATER: Final = "Try again later, or with fewer associations."

# What to look at for each reason of PS3.8 Table 9-21.
_HINTS: Final[dict[RejectReason, str]] = {
    UserReason.NO_REASON_GIVEN: _NAMES,
    UserReason.APPLICATION_CONTEXT_NOT_SUPPORTED: _SERVICE,
    UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED: (
        "Register {calling!r} and this host there, or call with an AE title it knows."
    ),
    UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED: (
        "Is {called!r} the AE title of the peer, in this spelling and case?"
    ),
    # Also the answer to a user identity that is not accepted (PS3.7 §D.3.3.7).
    AcseReason.NO_REASON_GIVEN: _NAMES + " Does it want a user identity?",
    AcseReason.PROTOCOL_VERSION_NOT_SUPPORTED: _SERVICE,
    PresentationReason.TEMPORARY_CONGESTION: _LATER,
    PresentationReason.LOCAL_LIMIT_EXCEEDED: _LATER,
}

# PS3.8 Table 9-18.
_CONTEXT_RESULTS: Final[dict[ContextResult, str]] = {
    ContextResult.ACCEPTANCE: "it accepted, but with a transfer syntax that was not proposed",
    ContextResult.USER_REJECTION: "it does not want this SOP class from us",
    ContextResult.NO_REASON: "it gives no reason",
    ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED: "it does not support the SOP class",
    ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED: "it does not support the transfer syntax",
}


def rejection(address: Address, reject: AssociateReject) -> HilumError:
    """Make the error for an A-ASSOCIATE-RJ; a transient one may pass by itself.

    So may the reasons of the presentation function, whatever the result says: they are about load.
    """
    hint = _HINTS.get(reject.reason, _NAMES).format(called=address.called, calling=address.calling)
    text = f"{address} rejected our association, {reject}. {hint}"
    passes = reject.result is RejectResult.TRANSIENT or isinstance(
        reject.reason, PresentationReason
    )
    return Busy(text) if passes else Rejected(text)


def context_refusal(result: ContextResult | None) -> str:
    """Say why a presentation context cannot be used; None: the peer did not answer for it."""
    if result is None:
        return "it did not answer for the presentation context (PS3.8 §9.3.3.2)"
    return f"{_CONTEXT_RESULTS[result]} (PS3.8 Table 9-18, {result:d})"
