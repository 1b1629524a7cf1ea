"""Attacks that are known by name: nesting, lying lengths, bombs, messages without end.

Each gives the answer it got; success for most of them would be a lie.
"""

import contextlib
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from trials import objects
from trials.wire import (
    ABORT,
    ASSOCIATE_RQ,
    CT_IMAGE_STORAGE,
    DEFLATED,
    IMPLICIT_VR,
    P_DATA_TF,
    RELEASE_RQ,
    VERIFICATION,
    Closed,
    Connection,
    Proposal,
    associate_request,
    associated,
    echo_request,
    p_data,
    pdu,
    store_request,
    user_information,
)

Attack = Callable[[int, str], str]
ANSWER_SECONDS_MAX: Final = 5.0
FOUR_GIGABYTES: Final = 0xFFFFFFFE
NESTING: Final = 20_000
BOMB_MEGABYTES: Final = 400
FLOOD_MEGABYTES: Final = 20
_UID: Final = objects.instance_uid(55, 1)
_PIXELS: Final = objects.header(objects.PIXEL_DATA, "OW", FOUR_GIGABYTES)


def _store(data_set: bytes, port: int, called: str) -> str:
    with associated(port, called) as connection:
        connection.socket.settimeout(ANSWER_SECONDS_MAX)
        return connection.store(_UID, data_set)


def _nested(*, has_lengths: bool) -> bytes:
    """Nest sequences deeper than any stack, with explicit or with undefined lengths."""
    front = objects.attributes(_UID)
    if not has_lengths:
        sequence = objects.header(0x00400100, "SQ", 0xFFFFFFFF)
        item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
        ends = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        return front + (sequence + item) * NESTING + ends * NESTING
    levels = []
    for level in range(NESTING):
        inside = 20 * (NESTING - level - 1)
        levels.append(objects.header(0x00400100, "SQ", inside + 8))
        levels.append(struct.pack("<HHI", 0xFFFE, 0xE000, inside))
    return front + b"".join(levels)


def _bomb_pieces() -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    size = BOMB_MEGABYTES << 20
    yield packer.compress(objects.attributes(_UID) + objects.header(0x7FE00010, "OW", size))
    for _ in range(BOMB_MEGABYTES):
        yield packer.compress(bytes(1 << 20))
    yield packer.flush()


def _bomb(port: int, called: str) -> str:
    bomb = b"".join(_bomb_pieces())
    proposals = [Proposal(3, CT_IMAGE_STORAGE, [DEFLATED])]
    with associated(port, called, proposals=proposals) as connection:
        if connection.results.get(3) != 0:
            return "transfer syntax refused"
        connection.socket.settimeout(ANSWER_SECONDS_MAX)
        return connection.store(_UID, bomb + b"\0" * (len(bomb) % 2))


def _huge_pdu(kind: int, length: int, port: int, called: str) -> str:
    """Announce a PDU of `length` and keep sending until somebody has had enough."""
    with Connection(port, seconds_max=ANSWER_SECONDS_MAX) as connection:
        if kind != ASSOCIATE_RQ:
            connection.associate(called)
            connection.send_message(3, store_request(_UID), is_command=True)
        body = associate_request(called)[6:] if kind == ASSOCIATE_RQ else b"\x7f\0\0\0\x03\0"
        connection.send(pdu(kind, body, length=length))
        return _flood(connection, bytes(1 << 20))


def _endless_command(port: int, called: str) -> str:
    with associated(port, called) as connection:
        connection.socket.settimeout(ANSWER_SECONDS_MAX)
        return _flood(connection, p_data(1, bytes(16_000), is_command=True, is_last=False) * 64)


def _flood(connection: Connection, block: bytes) -> str:
    """Send some megabytes of `block`; being cut off is the answer we want."""
    for _ in range((FLOOD_MEGABYTES << 20) // len(block)):
        connection.send(block)
    kind, _ = connection.receive_pdu()
    return "abort" if kind == ABORT else f"PDU {kind}"


def _raw(content: bytes, port: int, called: str) -> str:
    with associated(port, called) as connection:
        connection.socket.settimeout(ANSWER_SECONDS_MAX)
        connection.send(content)
        return connection.answer()


def _http(port: int, _: str) -> str:
    with Connection(port, seconds_max=ANSWER_SECONDS_MAX) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return f"PDU {connection.receive_pdu()[0]}"


def _tiny_pdus(port: int, called: str) -> str:
    """Store as a peer that takes only a few bytes at a time: the answer needs many PDUs."""
    uid = objects.instance_uid(55, 3)
    with associated(port, called, user=user_information(16)) as connection:
        connection.socket.settimeout(ANSWER_SECONDS_MAX)
        return connection.store(uid, objects.instance(uid, size=2000))


def _release_at_once(port: int, called: str) -> str:
    """Ask to release without waiting for the answers to a C-ECHO and a C-STORE."""
    uid = objects.instance_uid(55, 4)
    data_set = objects.instance(uid, size=2000)
    with associated(port, called) as connection:
        connection.socket.settimeout(ANSWER_SECONDS_MAX)
        connection.send(
            p_data(1, echo_request(), is_command=True, is_last=True)
            + p_data(3, store_request(uid), is_command=True, is_last=True)
            + p_data(3, data_set, is_command=False, is_last=True)
            + pdu(RELEASE_RQ, bytes(4))
        )
        return connection.answer()


def _many_contexts(port: int, called: str) -> str:
    proposals = [
        Proposal((2 * number + 1) % 256, VERIFICATION, [IMPLICIT_VR]) for number in range(300)
    ]
    with Connection(port, seconds_max=ANSWER_SECONDS_MAX) as connection:
        return connection.associate(called, proposals=proposals)


_WHOLE: Final = objects.instance(_UID, size=20_000)

ATTACKS: Final[dict[str, Attack]] = {
    "nested 20,000 deep": partial(_store, _nested(has_lengths=False)),
    "nested 20,000 deep with lengths": partial(_store, _nested(has_lengths=True)),
    "element of 4 GB": partial(_store, objects.attributes(_UID) + _PIXELS + bytes(1000)),
    "cut in pixel data": partial(_store, _WHOLE[:10_000]),
    "cut in a header": partial(_store, _WHOLE[:150]),
    "empty data set": partial(_store, b""),
    "garbage": partial(_store, objects.noise(5000, 3)),
    "other UID than announced": partial(
        _store, objects.instance(objects.instance_uid(55, 2), size=2000)
    ),
    "no UID": partial(_store, objects.element(0x00080060, "CS", b"CT")),
    "deflate bomb": _bomb,
    "A-ASSOCIATE-RQ of 4 GB": partial(_huge_pdu, ASSOCIATE_RQ, FOUR_GIGABYTES),
    "A-ASSOCIATE-RQ of 100 MB": partial(_huge_pdu, ASSOCIATE_RQ, 100 << 20),
    "P-DATA-TF of 4 GB": partial(_huge_pdu, P_DATA_TF, FOUR_GIGABYTES),
    "command set without end": _endless_command,
    "fragment longer than its PDU": partial(_raw, pdu(P_DATA_TF, b"\0\xff\xff\xff\x01\x03ab")),
    "fragment of length 0": partial(_raw, pdu(P_DATA_TF, bytes(4))),
    "unknown PDU": partial(_raw, pdu(9, b"abcd")),
    "data before a command": partial(_raw, p_data(3, b"xx", is_command=False, is_last=True)),
    "garbage as command": partial(
        _raw, p_data(1, objects.noise(64, 4), is_command=True, is_last=True)
    ),
    "HTTP": _http,
    "300 contexts": _many_contexts,
    "answers in tiny PDUs": _tiny_pdus,
    "release at once": _release_at_once,
}
# These may be granted: an association is no promise, and these instances are whole.
MAY_BE_GRANTED: Final = ("300 contexts", "answers in tiny PDUs", "release at once")


def attack(name: str, port: int, called: str) -> tuple[str, float]:
    """Run one attack; give its answer and how long the last of it took."""
    started = time.monotonic()
    try:
        answer = ATTACKS[name](port, called)
    except (Closed, ConnectionError):
        answer = "closed"
    except TimeoutError:
        answer = "NO ANSWER"
    return answer, time.monotonic() - started


def one_byte_a_second(port: int, called: str, seconds_max: float) -> float | None:
    """Ask for an association a byte a second; give when the connection was closed, or None."""
    request, started = associate_request(called), time.monotonic()
    with Connection(port) as connection:
        for byte in request:
            if time.monotonic() - started > seconds_max:
                return None
            with contextlib.suppress(OSError):
                connection.send(bytes([byte]))
            if connection.is_closed_within(1.0):
                return time.monotonic() - started
    return None
