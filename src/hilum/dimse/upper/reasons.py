"""Why an association is rejected or aborted, in the numbers of PS3.8.

A rejection's source and reason are one enum member, so a pair that the standard does not have
cannot be written; what a peer made up is kept as `UnlistedReason`.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

from hilum.kernel.errors import RemoteProtocolError


class RejectResult(Enum):
    """Whether asking again may help (PS3.8 Table 9-21)."""

    PERMANENT = 1
    TRANSIENT = 2


class UserReason(Enum):
    """Reasons of source 1, the DICOM UL service user (PS3.8 Table 9-21)."""

    NO_REASON_GIVEN = 1
    APPLICATION_CONTEXT_NOT_SUPPORTED = 2
    CALLING_AE_TITLE_NOT_RECOGNIZED = 3
    CALLED_AE_TITLE_NOT_RECOGNIZED = 7


class AcseReason(Enum):
    """Reasons of source 2, the provider's ACSE function (PS3.8 Table 9-21).

    A failed user identity is `NO_REASON_GIVEN`, permanent (PS3.7 §D.3.3.7).
    """

    NO_REASON_GIVEN = 1
    PROTOCOL_VERSION_NOT_SUPPORTED = 2


class PresentationReason(Enum):
    """Reasons of source 3, the provider's presentation function; transient by nature."""

    TEMPORARY_CONGESTION = 1
    LOCAL_LIMIT_EXCEEDED = 2


@dataclass(frozen=True, slots=True)
class UnlistedReason:
    """A source and reason that a peer sent and PS3.8 Table 9-21 does not have."""

    source: int
    reason: int


RejectReason = UserReason | AcseReason | PresentationReason | UnlistedReason

_SOURCES: dict[int, type[UserReason | AcseReason | PresentationReason]] = {
    1: UserReason,
    2: AcseReason,
    3: PresentationReason,
}


def reject_reason(source: int, reason: int) -> RejectReason:
    """Read the two bytes of an A-ASSOCIATE-RJ."""
    try:
        return _SOURCES[source](reason)
    except (KeyError, ValueError):
        return UnlistedReason(source, reason)


def reject_numbers(reason: RejectReason) -> tuple[int, int]:
    """Give the source and reason bytes of `reason`."""
    match reason:
        case UserReason():
            return 1, reason.value
        case AcseReason():
            return 2, reason.value
        case PresentationReason():
            return 3, reason.value
        case UnlistedReason():
            return reason.source, reason.reason


def reject_words(reason: RejectReason) -> str:
    """Say `reason` in the words of PS3.8 Table 9-21."""
    if isinstance(reason, UnlistedReason):
        return "for a reason that the standard does not list"
    return reason.name.lower().replace("_", " ").replace("ae title", "AE title")


class AbortSource(IntEnum):
    """Who ended the association (PS3.8 Table 9-26)."""

    USER = 0
    PROVIDER = 2


class AbortReason(IntEnum):
    """Why the provider did (PS3.8 Table 9-26); not significant when the user did."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PDU_PARAMETER = 4
    UNEXPECTED_PDU_PARAMETER = 5
    INVALID_PDU_PARAMETER_VALUE = 6


def abort_words(source: int, reason: int) -> str:
    """Say who aborted and why, with the numbers of PS3.8 Table 9-26."""
    if source == AbortSource.USER:
        return f"aborted by its user ({source}/{reason})"
    try:
        words = AbortReason(reason).name.lower().replace("_", " ").replace("pdu", "PDU")
    except ValueError:
        words = "for a reason that the standard does not list"
    who = "its provider" if source == AbortSource.PROVIDER else "an unlisted source"
    return f"aborted by {who}: {words} (PS3.8 Table 9-26, {source}/{reason})"


class InvalidPdu(RemoteProtocolError):
    """The peer sent what PS3.8 or PS3.7 forbids; `reason` is what an A-ABORT tells it."""

    def __init__(
        self, message: str, reason: AbortReason = AbortReason.INVALID_PDU_PARAMETER_VALUE
    ) -> None:
        super().__init__(message)
        self.reason = reason
