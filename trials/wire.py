"""A DIMSE client made of bytes: every PDU is built here by hand, so that broken ones can be sent.

Nothing of Hilum and no DICOM library is used: what judges must not share mistakes with the judged.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

VERIFICATION: Final = "1.2.840.10008.1.1"
CT_IMAGE_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT_VR: Final = "1.2.840.10008.1.2"
EXPLICIT_VR: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
# Ours for trials: the UID of Hilum with a tail that no product uses.
ROOT: Final = "2.25.189371538312974838592744041217219385603.77"

# PDU types (PS3.8 §9.3.1)
ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA_TF, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)

TCP_QUICKACK: Final = 12
FRAGMENT_BYTES_MAX: Final = 1 << 17
DEFAULT_PDU_BYTES: Final = 16384
UNLIMITED_PDU_BYTES: Final = 1 << 20  # what we send when the peer sets no limit
SUCCESS: Final = "0000"


class Closed(Exception):
    """The other side ended the connection."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A presentation context of a request."""

    id: int
    abstract_syntax: str
    transfer_syntaxes: Sequence[str]


PROPOSALS: Final = (
    Proposal(1, VERIFICATION, [IMPLICIT_VR]),
    Proposal(3, CT_IMAGE_STORAGE, [EXPLICIT_VR]),
)


# ---- bytes of the upper layer (PS3.8 §9.3) -------------------------------------------------


def pdu(kind: int, body: bytes, *, length: int | None = None) -> bytes:
    """Build a PDU; `length` lies about the size of the body."""
    return struct.pack(">BBI", kind, 0, len(body) if length is None else length) + body


def item(kind: int, value: bytes) -> bytes:
    """Build an item or sub-item."""
    return struct.pack(">BBH", kind, 0, len(value)) + value


def pdv(context_id: int, fragment: bytes, *, is_command: bool, is_last: bool) -> bytes:
    """Build a presentation data value item."""
    flags = (1 if is_command else 0) | (2 if is_last else 0)
    return struct.pack(">IBB", len(fragment) + 2, context_id, flags) + fragment


def p_data(context_id: int, fragment: bytes, *, is_command: bool, is_last: bool) -> bytes:
    """Build a P-DATA-TF with one fragment."""
    return pdu(P_DATA_TF, pdv(context_id, fragment, is_command=is_command, is_last=is_last))


def title(text: str) -> bytes:
    """Pad an AE title; what does not belong in one is not checked."""
    return text.encode("latin-1")[:16].ljust(16)


def user_information(maximum_length: int = DEFAULT_PDU_BYTES, more: bytes = b"") -> bytes:
    """Build the user information item; `more` are further sub-items."""
    length = item(0x51, struct.pack(">I", maximum_length))
    return item(0x50, length + item(0x52, ROOT.encode()) + item(0x55, b"TRIALS") + more)


def associate_request(
    called: str,
    *,
    calling: str = "TRIALS",
    proposals: Iterable[Proposal] = PROPOSALS,
    application_context: str = APPLICATION_CONTEXT,
    user: bytes | None = None,
) -> bytes:
    """Build an A-ASSOCIATE-RQ (PS3.8 §9.3.2)."""
    fixed = struct.pack(">HH", 1, 0) + title(called) + title(calling) + bytes(32)
    contexts = b"".join(_context(proposal) for proposal in proposals)
    body = fixed + item(0x10, application_context.encode()) + contexts
    return pdu(ASSOCIATE_RQ, body + (user_information() if user is None else user))


def _context(proposal: Proposal) -> bytes:
    syntaxes = b"".join(item(0x40, syntax.encode()) for syntax in proposal.transfer_syntaxes)
    abstract = item(0x30, proposal.abstract_syntax.encode())
    return item(0x20, bytes([proposal.id, 0, 0, 0]) + abstract + syntaxes)


# ---- command sets (PS3.7 §6.3.1: group 0000, Implicit VR Little Endian) ----------------------


def element(number: int, value: bytes) -> bytes:
    """Build an element of a command set, padded to even length."""
    padded = value + b"\0" * (len(value) % 2)
    return struct.pack("<HHI", 0, number, len(padded)) + padded


def short(number: int, value: int) -> bytes:
    """Build an element with one unsigned short."""
    return element(number, struct.pack("<H", value))


def command_set(*elements: bytes) -> bytes:
    """Put the group length before `elements`."""
    body = b"".join(elements)
    return element(0x0000, struct.pack("<I", len(body))) + body


def echo_request(message_id: int = 1) -> bytes:
    """Build the command set of a C-ECHO-RQ."""
    return command_set(
        element(0x0002, VERIFICATION.encode()),
        short(0x0100, 0x0030),
        short(0x0110, message_id),
        short(0x0800, 0x0101),
    )


def store_request(
    instance_uid: str, message_id: int = 1, sop_class: str = CT_IMAGE_STORAGE
) -> bytes:
    """Build the command set of a C-STORE-RQ."""
    return command_set(
        element(0x0002, sop_class.encode()),
        short(0x0100, 0x0001),
        short(0x0110, message_id),
        short(0x0700, 0x0000),
        short(0x0800, 0x0000),
        element(0x1000, instance_uid.encode("latin-1")),
    )


def parse_command_set(command: bytes) -> dict[int, bytes]:
    """Read a command set as element number to value."""
    elements, at = {}, 0
    while at + 8 <= len(command):
        _, number, length = struct.unpack_from("<HHI", command, at)
        elements[number] = command[at + 8 : at + 8 + length]
        at += 8 + length
    return elements


# ---- a connection ----------------------------------------------------------------------------


class Connection:
    """One TCP connection and, after `associate`, one association. Answers are short texts.

    An answer is a status in hexadecimal ("0000"), or "abort", "reject", "release" or "PDU 9".
    """

    def __init__(self, port: int, *, source: str = "", seconds_max: float = 10.0) -> None:
        origin = (source, 0) if source else None
        self.socket = socket.create_connection(("127.0.0.1", port), seconds_max, origin)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer_pdu_bytes = DEFAULT_PDU_BYTES
        self.results: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, content: bytes) -> None:
        """Send all of `content`."""
        self.socket.sendall(content)

    def receive_pdu(self) -> tuple[int, bytes]:
        """Receive one PDU: its type and its body. Raises Closed or TimeoutError."""
        kind, _, length = struct.unpack(">BBI", self._receive(6))
        return kind, self._receive(length)

    def associate(self, called: str, **more: object) -> str:
        """Ask for an association; give "accept" or what else was answered."""
        self.send(associate_request(called, **more))  # type: ignore[arg-type] # checked there
        kind, body = self.receive_pdu()
        if kind != ASSOCIATE_AC:
            return _name(kind, body)
        self._read_accept(body)
        return "accept"

    def send_message(self, context_id: int, message: bytes, *, is_command: bool) -> None:
        """Send a command set or a data set in as many PDUs as the peer wants."""
        size = min(self.peer_pdu_bytes, FRAGMENT_BYTES_MAX) - 6
        pieces = [
            p_data(
                context_id,
                message[at : at + size],
                is_command=is_command,
                is_last=at + size >= len(message),
            )
            for at in range(0, max(len(message), 1), size)
        ]
        self.send(b"".join(pieces))

    def answer(self) -> str:
        """Wait for a response; give its status or what came instead."""
        command = b""
        while True:
            kind, body = self.receive_pdu()
            if kind != P_DATA_TF:
                return _name(kind, body)
            is_last = False
            while body:
                length, _, flags = struct.unpack_from(">IBB", body)
                command += body[6 : 4 + length]
                body = body[4 + length :]
                is_last = bool(flags & 2)
            if is_last:
                break
        status = parse_command_set(command).get(0x0900, b"")
        return f"{struct.unpack_from('<H', status)[0]:04x}" if len(status) >= 2 else "no status"

    def store(
        self,
        instance_uid: str,
        data_set: bytes,
        *,
        context_id: int = 3,
        message_id: int = 1,
        sop_class: str = CT_IMAGE_STORAGE,
    ) -> str:
        """Send one instance; give the answer."""
        request = store_request(instance_uid, message_id, sop_class)
        self.send_message(context_id, request, is_command=True)
        self.send_message(context_id, data_set, is_command=False)
        return self.answer()

    def echo(self, context_id: int = 1) -> str:
        """Send one C-ECHO; give the answer."""
        self.send_message(context_id, echo_request(), is_command=True)
        return self.answer()

    def release(self) -> None:
        """End the association in good manners, and the connection in any case."""
        with contextlib.suppress(Closed, OSError):
            self.send(pdu(RELEASE_RQ, bytes(4)))
            self.receive_pdu()
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def is_closed_within(self, seconds_max: float) -> bool:
        """Tell whether the other side ends the connection in time; what it sends is dropped."""
        deadline = time.monotonic() + seconds_max
        with contextlib.suppress(ConnectionError):
            while (left := deadline - time.monotonic()) > 0:
                self.socket.settimeout(left)
                try:
                    if not self.socket.recv(65536):
                        return True
                except TimeoutError:
                    return False
            return False
        return True

    def _receive(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            # Peers that write a header and its body apart would wait 40 ms for our acknowledgement.
            self.socket.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)
            piece = self.socket.recv(size - len(content))
            if not piece:
                raise Closed(f"closed after {len(content)} of {size} bytes")
            content += piece
        return bytes(content)

    def _read_accept(self, body: bytes) -> None:
        for kind, value in items(body[68:]):
            if kind == 0x21:
                self.results[value[0]] = value[2]
            for sub_kind, sub_value in items(value) if kind == 0x50 else ():
                if sub_kind == 0x51:
                    announced = struct.unpack(">I", sub_value)[0]
                    self.peer_pdu_bytes = announced or UNLIMITED_PDU_BYTES


def items(body: bytes) -> Iterable[tuple[int, bytes]]:
    """Read items or sub-items: type and value."""
    while len(body) >= 4:
        kind, _, length = struct.unpack_from(">BBH", body)
        yield kind, body[4 : 4 + length]
        body = body[4 + length :]


def _name(kind: int, body: bytes) -> str:
    if kind == ASSOCIATE_RJ:
        return "reject " + "/".join(str(byte) for byte in body[1:4])
    return {RELEASE_RQ: "release", RELEASE_RP: "released", ABORT: "abort"}.get(kind, f"PDU {kind}")


def associated(port: int, called: str, **more: object) -> Connection:
    """Connect and associate. Raises Closed when the association is not accepted."""
    connection = Connection(port)
    answer = connection.associate(called, **more)
    if answer != "accept":
        connection.close()
        raise Closed(f"no association: {answer}")
    return connection


def echo_once(port: int, called: str, *, source: str = "", seconds_max: float = 5.0) -> str:
    """Associate, echo, release: what a valid client gets."""
    try:
        with Connection(port, source=source, seconds_max=seconds_max) as connection:
            answer = connection.associate(called)
            if answer != "accept":
                return answer
            answer = connection.echo()
            connection.release()
            return answer
    except (Closed, OSError) as error:
        return f"{type(error).__name__}: {error}"
