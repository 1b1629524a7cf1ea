"""The items inside A-ASSOCIATE PDUs, as values: contexts and user information (PS3.8 §9.3)."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

from hilum.kernel.names import UID

APPLICATION_CONTEXT: Final = UID("1.2.840.10008.3.1.1.1")  # PS3.7 §A.2.1, the only one


class ItemType(IntEnum):
    """The first byte of an item or sub-item (PS3.8 §9.3.2, PS3.7 Annex D.3.3)."""

    APPLICATION_CONTEXT = 0x10
    REQUEST_CONTEXT = 0x20
    ACCEPT_CONTEXT = 0x21
    ABSTRACT_SYNTAX = 0x30
    TRANSFER_SYNTAX = 0x40
    USER_INFORMATION = 0x50
    MAXIMUM_LENGTH = 0x51
    IMPLEMENTATION_CLASS_UID = 0x52
    ASYNCHRONOUS_OPERATIONS = 0x53
    ROLE_SELECTION = 0x54
    IMPLEMENTATION_VERSION_NAME = 0x55
    EXTENDED_NEGOTIATION = 0x56
    COMMON_EXTENDED_NEGOTIATION = 0x57
    USER_IDENTITY = 0x58
    USER_IDENTITY_RESPONSE = 0x59


class Tolerance(Enum):
    """Deviations we read past and name, so that they can be counted and shown to the operator."""

    UID_PADDED = "uid_padded"  # spaces or NULs round a UID; PS3.8 Annex F has no padding
    AE_TITLE_NUL_PADDED = "ae_title_nul_padded"  # PS3.8 §9.3.2 wants spaces
    UNKNOWN_ITEM = "unknown_item"  # legal to send, and to be skipped (PS3.8 §9.3.1)
    REPEATED_ITEM = "repeated_item"  # the first one counts
    APPLICATION_CONTEXT_MISSING = "application_context_missing"
    USER_INFORMATION_MISSING = "user_information_missing"
    MAXIMUM_LENGTH_MISSING = "maximum_length_missing"  # read as 0, no limit
    IMPLEMENTATION_CLASS_UID_MISSING = "implementation_class_uid_missing"
    VERSION_NAME_TOO_LONG = "version_name_too_long"  # cut to 16 (PS3.7 §D.3.3.2.3)
    UNKNOWN_CONTEXT_RESULT = "unknown_context_result"  # read as "no reason"
    RESERVED_FLAG_VALUE = "reserved_flag_value"  # a flag byte that is neither 0 nor 1


class ContextResult(IntEnum):
    """The acceptor's answer to one presentation context (PS3.8 Table 9-18)."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


@dataclass(frozen=True, slots=True)
class PresentationContext:
    """A proposal: one abstract syntax in any of these transfer syntaxes (PS3.8 §9.3.2.2)."""

    id: int
    abstract_syntax: UID
    transfer_syntaxes: tuple[UID, ...]


@dataclass(frozen=True, slots=True)
class AcceptedContext:
    """The answer to a proposal; the syntax is significant only for ACCEPTANCE (PS3.8 §9.3.3.2)."""

    id: int
    result: ContextResult
    transfer_syntax: UID


@dataclass(frozen=True, slots=True)
class AsynchronousOperations:
    """Operations that may be outstanding; 0 is unlimited, absent means 1, 1 (PS3.7 §D.3.3.3)."""

    invoked_max: int
    performed_max: int


@dataclass(frozen=True, slots=True)
class RoleSelection:
    """Roles of the requestor for a SOP class: proposed, or accepted (PS3.7 §D.3.3.4)."""

    sop_class_uid: UID
    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class ExtendedNegotiation:
    """Service-class bytes that go with a SOP class (PS3.7 §D.3.3.5)."""

    sop_class_uid: UID
    application_information: bytes


@dataclass(frozen=True, slots=True)
class CommonExtendedNegotiation:
    """The service class a SOP class belongs to, and its generalisations (PS3.7 §D.3.3.6)."""

    sop_class_uid: UID
    service_class_uid: UID
    related_general_sop_class_uids: tuple[UID, ...] = ()
    version: int = 0


class IdentityType(IntEnum):
    """Forms of user identity (PS3.7 Table D.3-14)."""

    USERNAME = 1
    USERNAME_AND_PASSCODE = 2
    KERBEROS = 3
    SAML = 4
    JWT = 5


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """Who the requestor says is asking (PS3.7 §D.3.3.7). Its bytes never show in a repr.

    `type` is an `IdentityType`, or whatever other number the peer sent.
    """

    type: int
    response_requested: bool
    primary: bytes = field(repr=False)
    secondary: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class UserInformation:
    """Item 50H: what both sides tell about themselves (PS3.7 Annex D.3.3).

    `maximum_length` is the longest P-DATA-TF variable field its sender can receive, 0 is no limit.
    `user_identity` belongs to a request; `user_identity_response` to an accept, where None means
    that there is none (it may be empty: PS3.7 Table D.3-15).
    """

    maximum_length: int
    implementation_class_uid: UID
    implementation_version_name: str = ""
    asynchronous_operations: AsynchronousOperations | None = None
    roles: tuple[RoleSelection, ...] = ()
    extended: tuple[ExtendedNegotiation, ...] = ()
    common_extended: tuple[CommonExtendedNegotiation, ...] = ()
    user_identity: UserIdentity | None = None
    user_identity_response: bytes | None = field(default=None, repr=False)
