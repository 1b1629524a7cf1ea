"""C-FIND and C-GET made of bytes, for `wire.Connection`: asked, counted, canceled, or left."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from trials import objects, wire
from trials.wire import Connection, Proposal

FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"
_PENDING: Final = (0xFF00, 0xFF01)
_C_STORE_RQ: Final = 0x0001
_PROPOSALS: Final = (
    Proposal(1, FIND, [wire.EXPLICIT_VR]),
    Proposal(3, GET, [wire.EXPLICIT_VR]),
    Proposal(5, wire.CT_IMAGE_STORAGE, [wire.EXPLICIT_VR]),
)


@dataclass(slots=True)
class Heard:
    """What came before the end: instances by their SOP Instance UID, matches, and the status."""

    instances: list[str] = field(default_factory=list)
    matches: int = 0
    bytes: int = 0  # of data sets, identifiers among them
    status: int = -1


def associated(port: int, called: str, *, seconds_max: float = 20.0) -> Connection:
    """Open an association that may find and get. Raises Closed."""
    role = struct.pack(">H", len(wire.CT_IMAGE_STORAGE)) + wire.CT_IMAGE_STORAGE.encode() + b"\0\1"
    connection = Connection(port, seconds_max=seconds_max)
    user = wire.user_information(1 << 17, wire.item(0x54, role))
    answer = connection.associate(called, proposals=_PROPOSALS, user=user)
    if answer != "accept":
        connection.close()
        raise wire.Closed(f"no association: {answer}")
    return connection


def find(connection: Connection, *, study: str = "", message_id: int = 1) -> None:
    """Ask for studies."""
    identifier = b"".join(
        (
            objects.element(0x00080020, "DA", b""),
            objects.element(0x00080052, "CS", b"STUDY"),
            objects.element(0x00100020, "LO", b""),
            objects.element(0x0020000D, "UI", study.encode()),
        )
    )
    connection.send_message(1, _request(0x0020, FIND, message_id), is_command=True)
    connection.send_message(1, identifier, is_command=False)


def get(
    connection: Connection,
    study: str,
    message_id: int = 1,
    *,
    series: str = "",
    instance: str = "",
) -> None:
    """Ask for a study, or an instance of it, on this association."""
    identifier = b""
    if instance:
        identifier += objects.element(0x00080018, "UI", instance.encode())
    identifier += objects.element(0x00080052, "CS", b"IMAGE" if instance else b"STUDY")
    identifier += objects.element(0x0020000D, "UI", study.encode())
    if instance:
        identifier += objects.element(0x0020000E, "UI", series.encode())
    connection.send_message(3, _request(0x0010, GET, message_id), is_command=True)
    connection.send_message(3, identifier, is_command=False)


def cancel(connection: Connection, context_id: int, message_id: int = 1) -> None:
    """Ask for the end of it."""
    command = wire.command_set(
        wire.short(0x0100, 0x0FFF), wire.short(0x0120, message_id), wire.short(0x0800, 0x0101)
    )
    connection.send_message(context_id, command, is_command=True)


def answers(connection: Connection) -> Iterator[Heard]:
    """Take what comes, stores answered with success; give the same account after each message."""
    heard = Heard()
    for context_id, command, size in _messages(connection):
        heard.bytes += size
        field_number = _number(command, 0x0100)
        if field_number == _C_STORE_RQ:
            heard.instances.append(command[0x1000].rstrip(b"\0").decode())
            _answer_store(connection, context_id, command)
        else:
            heard.status = _number(command, 0x0900)
            heard.matches += heard.status in _PENDING and field_number == 0x8020
        yield heard
        if field_number != _C_STORE_RQ and heard.status not in _PENDING:
            return


def outcome(connection: Connection) -> Heard:
    """Take everything; give the account of it."""
    heard = Heard()
    for account in answers(connection):
        heard = account
    return heard


def _messages(connection: Connection) -> Iterator[tuple[int, dict[int, bytes], int]]:
    """Give each command when its data set, which is dropped, is over; and its length."""
    raw, command, size = bytearray(), {}, 0
    while True:
        kind, body = connection.receive_pdu()
        if kind != wire.P_DATA_TF:
            raise wire.Closed(f"PDU {kind}")
        while body:
            length, context_id, flags = struct.unpack_from(">IBB", body)
            fragment, body = body[6 : 4 + length], body[4 + length :]
            if flags & 1:
                raw += fragment
            else:
                size += len(fragment)
            if not flags & 2:
                continue
            if flags & 1:
                command, raw, size = wire.parse_command_set(bytes(raw)), bytearray(), 0
                if _number(command, 0x0800) != 0x0101:
                    continue
            yield context_id, command, size


def _answer_store(connection: Connection, context_id: int, command: dict[int, bytes]) -> None:
    answer = wire.command_set(
        wire.element(0x0002, command[0x0002]),
        wire.short(0x0100, 0x8001),
        wire.element(0x0120, command[0x0110]),
        wire.short(0x0800, 0x0101),
        wire.short(0x0900, 0),
        wire.element(0x1000, command[0x1000]),
    )
    connection.send_message(context_id, answer, is_command=True)


def _request(field_number: int, sop_class: str, message_id: int) -> bytes:
    return wire.command_set(
        wire.element(0x0002, sop_class.encode()),
        wire.short(0x0100, field_number),
        wire.short(0x0110, message_id),
        wire.short(0x0700, 0),
        wire.short(0x0800, 0),
    )


def _number(command: dict[int, bytes], element: int) -> int:
    value = command.get(element, b"")
    return int.from_bytes(value[:2], "little") if value else -1
