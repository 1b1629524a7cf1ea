"""Items of A-ASSOCIATE PDUs to bytes, in increasing type order (PS3.8 §9.3.2, PS3.7 Annex D)."""

from struct import Struct
from typing import Final

from hilum.dimse.upper.items import (
    AcceptedContext,
    AsynchronousOperations,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ItemType,
    PresentationContext,
    RoleSelection,
    UserIdentity,
    UserInformation,
)
from hilum.kernel.errors import LocalProtocolError

_LENGTH_MAX: Final = 0xFFFF  # every item and field has two bytes of length
_ITEM: Final = Struct(">BBH")
_CONTEXT: Final = Struct(">BBBB")
_TWO: Final = Struct(">HH")
_U16: Final = Struct(">H")
_U32: Final = Struct(">I")


def item(kind: ItemType, body: bytes, version: int = 0) -> bytes:
    """Frame `body` as an item; `version` is the byte that is reserved in all but 57H.

    Raises:
        LocalProtocolError: `body` does not fit in two bytes of length.
    """
    if len(body) > _LENGTH_MAX:
        raise LocalProtocolError(
            f"item 0x{kind:02X} would have {len(body)} bytes; two bytes of length end at 65535"
        )
    return _ITEM.pack(kind, version, len(body)) + body


def text(value: str) -> bytes:
    """Encode a UID or name; latin-1 gives back any byte that `ItemReader` took in."""
    return value.encode("latin-1")


def _counted(value: bytes) -> bytes:
    """Put two bytes of length before `value`."""
    if len(value) > _LENGTH_MAX:
        raise LocalProtocolError(
            f"a field would have {len(value)} bytes; two bytes of length end at 65535"
        )
    return _U16.pack(len(value)) + value


def proposed_context(context: PresentationContext) -> bytes:
    """Encode item 20H: id, three reserved bytes, one 30H, a 40H for each transfer syntax."""
    parts = [
        _CONTEXT.pack(context.id, 0, 0, 0),
        item(ItemType.ABSTRACT_SYNTAX, text(context.abstract_syntax)),
    ]
    parts += [item(ItemType.TRANSFER_SYNTAX, text(uid)) for uid in context.transfer_syntaxes]
    return item(ItemType.REQUEST_CONTEXT, b"".join(parts))


def accepted_context(context: AcceptedContext) -> bytes:
    """Encode item 21H: id, reserved, result, reserved, one 40H even when it says nothing."""
    head = _CONTEXT.pack(context.id, 0, context.result, 0)
    return item(
        ItemType.ACCEPT_CONTEXT,
        head + item(ItemType.TRANSFER_SYNTAX, text(context.transfer_syntax)),
    )


def user_information(information: UserInformation) -> bytes:
    """Encode item 50H with every sub-item that is set."""
    parts = [
        item(ItemType.MAXIMUM_LENGTH, _U32.pack(information.maximum_length)),
        item(ItemType.IMPLEMENTATION_CLASS_UID, text(information.implementation_class_uid)),
    ]
    if information.asynchronous_operations is not None:
        parts.append(_asynchronous(information.asynchronous_operations))
    parts += [_role(role) for role in information.roles]
    if information.implementation_version_name:
        name = text(information.implementation_version_name)
        parts.append(item(ItemType.IMPLEMENTATION_VERSION_NAME, name))
    parts += [_extended(negotiation) for negotiation in information.extended]
    parts += [_common_extended(negotiation) for negotiation in information.common_extended]
    if information.user_identity is not None:
        parts.append(_identity(information.user_identity))
    if information.user_identity_response is not None:
        parts.append(
            item(ItemType.USER_IDENTITY_RESPONSE, _counted(information.user_identity_response))
        )
    return item(ItemType.USER_INFORMATION, b"".join(parts))


def _asynchronous(window: AsynchronousOperations) -> bytes:
    return item(
        ItemType.ASYNCHRONOUS_OPERATIONS, _TWO.pack(window.invoked_max, window.performed_max)
    )


def _role(role: RoleSelection) -> bytes:
    return item(
        ItemType.ROLE_SELECTION, _counted(text(role.sop_class_uid)) + bytes((role.scu, role.scp))
    )


def _extended(negotiation: ExtendedNegotiation) -> bytes:
    uid = _counted(text(negotiation.sop_class_uid))
    return item(ItemType.EXTENDED_NEGOTIATION, uid + negotiation.application_information)


def _common_extended(negotiation: CommonExtendedNegotiation) -> bytes:
    related = b"".join(_counted(text(uid)) for uid in negotiation.related_general_sop_class_uids)
    body = (
        _counted(text(negotiation.sop_class_uid))
        + _counted(text(negotiation.service_class_uid))
        + _counted(related)
    )
    return item(ItemType.COMMON_EXTENDED_NEGOTIATION, body, negotiation.version)


def _identity(identity: UserIdentity) -> bytes:
    head = bytes((identity.type, identity.response_requested))
    return item(
        ItemType.USER_IDENTITY, head + _counted(identity.primary) + _counted(identity.secondary)
    )
