"""Command sets (PS3.7 §6.3, Annex E): group 0000, always implicit VR little endian.

Bounded by what it is given (see `Messages`); a peer's bytes raise nothing but `InvalidMessage`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Any, Final

from hilum.kernel.errors import LocalProtocolError, RemoteProtocolError
from hilum.kernel.names import UID

ERROR_COMMENT_LENGTH_MAX: Final = 64  # VR LO (PS3.7 Annex C)
NO_DATA_SET: Final = 0x0101  # any other Command Data Set Type says that one follows (PS3.7 §E.1)
_DATA_SET_FOLLOWS: Final = 0x0001
RESPONSE_BIT: Final = 0x8000
# A UID has 64 (PS3.5 §9.1); up to twice that can be answered 0x0117, more would only fill logs.
_UID_BYTES_MAX: Final = 128
# AE titles have 16 and comments 64 characters; longer comments are seen and worth reading.
_TEXT_BYTES_MAX: Final = 256

_ELEMENT: Final = Struct("<HHI")
_NO_UID: Final = UID("")


class InvalidMessage(RemoteProtocolError):
    """The peer sent what PS3.7 forbids: abort the association as its user."""


class CommandField(IntEnum):
    """The operations of PS3.7 §E.1; a response has bit 15 set."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_GET_RQ = 0x0010
    C_GET_RSP = 0x8010
    C_FIND_RQ = 0x0020
    C_FIND_RSP = 0x8020
    C_MOVE_RQ = 0x0021
    C_MOVE_RSP = 0x8021
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    N_EVENT_REPORT_RQ = 0x0100
    N_EVENT_REPORT_RSP = 0x8100
    N_GET_RQ = 0x0110
    N_GET_RSP = 0x8110
    N_SET_RQ = 0x0120
    N_SET_RSP = 0x8120
    N_ACTION_RQ = 0x0130
    N_ACTION_RSP = 0x8130
    N_CREATE_RQ = 0x0140
    N_CREATE_RSP = 0x8140
    N_DELETE_RQ = 0x0150
    N_DELETE_RSP = 0x8150
    C_CANCEL_RQ = 0x0FFF


class Priority(IntEnum):
    """The order the SCU wishes for; nobody has to follow it (PS3.7 §9.1)."""

    MEDIUM = 0
    HIGH = 1
    LOW = 2


@dataclass(slots=True)
class Command:
    """A command set by the names of PS3.7 §E.1. Absent is None, or empty for texts and lists.

    Not frozen: one is made for every message. `command_field` may be a number that is not in
    `CommandField`: it is answered 0x0211, unrecognized operation.
    """

    command_field: int
    has_data_set: bool = False
    message_id: int | None = None
    message_id_being_responded_to: int | None = None
    affected_sop_class_uid: UID = _NO_UID
    requested_sop_class_uid: UID = _NO_UID
    affected_sop_instance_uid: UID = _NO_UID
    requested_sop_instance_uid: UID = _NO_UID
    priority: int | None = None
    status: int | None = None
    offending_elements: tuple[int, ...] = ()
    error_comment: str = ""
    error_id: int | None = None
    move_destination: str = ""
    move_originator_ae_title: str = ""
    move_originator_message_id: int | None = None
    event_type_id: int | None = None
    action_type_id: int | None = None
    attribute_identifiers: tuple[int, ...] = ()
    remaining_suboperations: int | None = None
    completed_suboperations: int | None = None
    failed_suboperations: int | None = None
    warning_suboperations: int | None = None

    @property
    def is_response(self) -> bool:
        """Tell whether this answers a request."""
        return self.command_field & RESPONSE_BIT != 0


def _read_number(raw: bytes) -> int | None:
    if not raw:
        return None
    if len(raw) != 2:
        raise InvalidMessage(f"a number of {len(raw)} bytes in a command set; VR US has 2")
    return int.from_bytes(raw, "little")


def _read_uid(raw: bytes) -> str:
    stripped = raw.strip(b" \0")
    if len(stripped) > _UID_BYTES_MAX:
        raise InvalidMessage(f"a UID of {len(stripped)} bytes in a command set; it has 64 at most")
    return stripped.decode("latin-1")


def _read_text(raw: bytes) -> str:
    return raw[:_TEXT_BYTES_MAX].strip(b" \0").decode("latin-1")


def _read_tags(raw: bytes) -> tuple[int, ...]:
    if len(raw) % 4:
        raise InvalidMessage(f"tags of {len(raw)} bytes in a command set; VR AT has 4 each")
    words = Struct(f"<{len(raw) // 2}H").unpack(raw)
    return tuple(
        [group << 16 | element for group, element in zip(words[::2], words[1::2], strict=True)]
    )


def _write_number(value: int) -> bytes:
    return value.to_bytes(2, "little")


def _write_uid(value: str) -> bytes:
    raw = value.encode("latin-1")
    return raw + b"\0" if len(raw) & 1 else raw


def _write_text(value: str) -> bytes:
    raw = value.encode("latin-1", "replace")
    return raw + b" " if len(raw) & 1 else raw


def _write_tags(value: tuple[int, ...]) -> bytes:
    return b"".join([_TAG.pack(tag >> 16, tag & 0xFFFF) for tag in value])


_TAG: Final = Struct("<HH")
_DATA_SET_TYPE: Final = 0x0800
# Element number: name in `Command`, reader, writer. In ascending order (PS3.7 §6.3.1), as written.
_FIELDS: Final[dict[int, tuple[str, Callable[[bytes], object], Callable[..., bytes]]]] = {
    0x0002: ("affected_sop_class_uid", _read_uid, _write_uid),
    0x0003: ("requested_sop_class_uid", _read_uid, _write_uid),
    0x0100: ("command_field", _read_number, _write_number),
    0x0110: ("message_id", _read_number, _write_number),
    0x0120: ("message_id_being_responded_to", _read_number, _write_number),
    0x0600: ("move_destination", _read_text, _write_text),
    0x0700: ("priority", _read_number, _write_number),
    _DATA_SET_TYPE: ("has_data_set", _read_number, _write_number),
    0x0900: ("status", _read_number, _write_number),
    0x0901: ("offending_elements", _read_tags, _write_tags),
    0x0902: ("error_comment", _read_text, _write_text),
    0x0903: ("error_id", _read_number, _write_number),
    0x1000: ("affected_sop_instance_uid", _read_uid, _write_uid),
    0x1001: ("requested_sop_instance_uid", _read_uid, _write_uid),
    0x1002: ("event_type_id", _read_number, _write_number),
    0x1005: ("attribute_identifiers", _read_tags, _write_tags),
    0x1008: ("action_type_id", _read_number, _write_number),
    0x1020: ("remaining_suboperations", _read_number, _write_number),
    0x1021: ("completed_suboperations", _read_number, _write_number),
    0x1022: ("failed_suboperations", _read_number, _write_number),
    0x1023: ("warning_suboperations", _read_number, _write_number),
    0x1030: ("move_originator_ae_title", _read_text, _write_text),
    0x1031: ("move_originator_message_id", _read_number, _write_number),
}


def encode_command(command: Command) -> bytes:
    """Give the bytes of `command`, group length first, absent fields left out."""
    parts: list[bytes] = []
    for element, (name, _, write) in _FIELDS.items():
        value = getattr(command, name)
        if element == _DATA_SET_TYPE:
            value = _DATA_SET_FOLLOWS if value else NO_DATA_SET
        elif value is None or value in ("", ()):
            continue
        raw = write(value)
        parts.append(_ELEMENT.pack(0, element, len(raw)) + raw)
    body = b"".join(parts)
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


def decode_command(data: bytes | bytearray | memoryview) -> Command:
    """Read a whole command set: elements of group (2), element (2), length (4), value.

    Group length is not tested, elements we do not know are passed over, NULs behind the last
    element are tolerated.

    Raises:
        InvalidMessage: not a command set, or one that could not be answered.
    """
    raw = bytes(data)
    found: dict[str, Any] = {}  # Any: of whatever type the field of that name has
    position, end = 0, len(raw)
    while end - position >= _ELEMENT.size:
        group, element, length = _ELEMENT.unpack_from(raw, position)
        position += _ELEMENT.size
        if group or length > end - position:
            raise _not_an_element(group, element, length, end - position)
        field = _FIELDS.get(element)
        if field is not None:
            name, read, _ = field
            if name in found:
                raise InvalidMessage(f"(0000,{element:04X}) is there twice in a command set")
            found[name] = read(raw[position : position + length])
        position += length
    if raw[position:].strip(b"\0"):
        raise InvalidMessage(f"{end - position} bytes behind the last element of a command set")
    return _checked(found)


def _not_an_element(group: int, element: int, length: int, left: int) -> InvalidMessage:
    if group:
        return InvalidMessage(f"({group:04X},{element:04X}) in a command set; only group 0000 is")
    return InvalidMessage(f"(0000,{element:04X}) says {length} bytes, but {left} are left")


def _checked(found: dict[str, Any]) -> Command:
    """Refuse what could be neither answered nor followed by the right kind of fragment."""
    if found.get("command_field") is None or "has_data_set" not in found:
        raise InvalidMessage("a command set without Command Field or Command Data Set Type")
    found["has_data_set"] = found["has_data_set"] != NO_DATA_SET
    command = Command(**found)
    is_answer = command.is_response or command.command_field == CommandField.C_CANCEL_RQ
    if is_answer and command.message_id_being_responded_to is None:
        raise InvalidMessage("a response or cancel without Message ID Being Responded To")
    if not is_answer and command.message_id is None:
        raise InvalidMessage("a request without Message ID")
    return command


_GROUP_LENGTH: Final = Struct("<HHII")
# Command Field, Message ID Being Responded To, Command Data Set Type, Status: 10 bytes each.
_RESPONSE: Final = Struct("<HHIHHHIHHHIHHHIH")


def encode_response(command: Command, status: int, comment: str = "") -> bytes:
    """Answer any request without a data set; what it was about is echoed (PS3.7 §9.3, §10.3).

    `comment` tells the peer's operator more, in 64 characters at most, and never patient data.

    Raises:
        LocalProtocolError: `command` is not a request.
    """
    if command.is_response or command.message_id is None:
        raise LocalProtocolError(f"command 0x{command.command_field:04X} has no response")
    sop_class = command.affected_sop_class_uid or command.requested_sop_class_uid
    instance = command.affected_sop_instance_uid or command.requested_sop_instance_uid
    body = (
        _uid_element(0x0002, sop_class)
        + _RESPONSE.pack(
            *(0, 0x0100, 2, command.command_field | RESPONSE_BIT),
            *(0, 0x0120, 2, command.message_id),
            *(0, _DATA_SET_TYPE, 2, NO_DATA_SET),
            *(0, 0x0900, 2, status),
        )
        + _comment_element(comment)
        + _uid_element(0x1000, instance)
    )
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


# Command Field and Message ID, Priority and Command Data Set Type: 10 bytes each.
_STORE: Final = Struct("<HHIHHHIHHHIHHHIH")
_ORIGINATOR: Final = Struct("<HHIH")


def encode_store_request(
    message_id: int,
    *,
    sop_class_uid: UID,
    sop_instance_uid: UID,
    priority: int,
    originator_ae_title: str = "",
    originator_message_id: int | None = None,
) -> bytes:
    """Write a C-STORE-RQ as `encode_command` does, in a third of the time: one is sent for each."""
    body = (
        _uid_element(0x0002, sop_class_uid)
        + _STORE.pack(
            *(0, 0x0100, 2, CommandField.C_STORE_RQ),
            *(0, 0x0110, 2, message_id),
            *(0, 0x0700, 2, priority),
            *(0, _DATA_SET_TYPE, 2, _DATA_SET_FOLLOWS),
        )
        + _uid_element(0x1000, sop_instance_uid)
    )
    if originator_ae_title:
        raw = _write_text(originator_ae_title)
        body += _ELEMENT.pack(0, 0x1030, len(raw)) + raw
    if originator_message_id is not None:
        body += _ORIGINATOR.pack(0, 0x1031, 2, originator_message_id)
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


def _uid_element(element: int, uid: str) -> bytes:
    if not uid:
        return b""
    raw = _write_uid(uid)
    return _ELEMENT.pack(0, element, len(raw)) + raw


def _comment_element(comment: str) -> bytes:
    if not comment:
        return b""
    # A backslash would make two values of it (PS3.5 §6.2, VR LO).
    raw = _write_text(comment[:ERROR_COMMENT_LENGTH_MAX].replace("\\", "/"))
    return _ELEMENT.pack(0, 0x0902, len(raw)) + raw
