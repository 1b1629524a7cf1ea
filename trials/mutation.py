"""Structured nonsense: valid sessions with a few things wrong. One seed is one session, always.

Pure noise never gets past the first header; these get as far as the mistake is deep.
"""

import random
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Final

from trials import objects
from trials.wire import (
    CT_IMAGE_STORAGE,
    DEFLATED,
    EXPLICIT_VR,
    IMPLICIT_VR,
    VERIFICATION,
    Proposal,
    associate_request,
    echo_request,
    item,
    p_data,
    pdu,
    store_request,
    user_information,
)

Session = list[bytes]  # PDUs, or what was a PDU before
Mutation = Callable[[random.Random, list[bytearray], int], None]

LENGTHS: Final = (
    *(0, 1, 2, 5, 6, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x100000),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF),
)
STRINGS: Final = (
    *(b"", b".", b"..", b"../../x", b"1.2." * 40, b"\0" * 16, b"\xff" * 64),
    *(b"%s%n", b"$(id)", b"<x>", b"1" * 70_000),
)
JPEG_LOSSLESS: Final = "1.2.840.10008.1.2.4.70"


def session(seed: int, called: str, captured: Sequence[Session] = ()) -> Session:
    """Give the session of `seed`: made by us, or one of `captured`, with one to six mistakes."""
    chooser = random.Random(seed)
    if captured and chooser.random() < 0.3:
        valid = chooser.choice(captured)
    else:
        valid = _valid_session(chooser, called)
    pieces = [bytearray(piece) for piece in valid]
    for _ in range(chooser.choice((1, 1, 1, 2, 3, 6))):
        if pieces:
            chooser.choice(_MUTATIONS)(chooser, pieces, chooser.randrange(len(pieces)))
    return [bytes(piece) for piece in pieces]


# ---- valid sessions ------------------------------------------------------------------------


def _valid_session(chooser: random.Random, called: str) -> Session:
    syntaxes = [EXPLICIT_VR, IMPLICIT_VR, JPEG_LOSSLESS, DEFLATED]
    syntax = chooser.choice((EXPLICIT_VR, EXPLICIT_VR, DEFLATED))
    others = [
        Proposal(5 + 2 * number, CT_IMAGE_STORAGE, chooser.sample(syntaxes, chooser.randint(1, 3)))
        for number in range(chooser.randint(0, 4))
    ]
    proposals = [
        Proposal(1, VERIFICATION, [IMPLICIT_VR]),
        Proposal(3, CT_IMAGE_STORAGE, [syntax]),
        *others,
    ]
    user = user_information(
        chooser.choice((0, 1, 12, 16384, 65536, 0xFFFFFFFF)), _user_items(chooser)
    )
    pieces = [associate_request(called, proposals=proposals, user=user)]
    for message_id in range(1, chooser.randint(2, 4)):
        if chooser.random() < 0.3:
            pieces.append(p_data(1, echo_request(message_id), is_command=True, is_last=True))
        else:
            pieces += _store(chooser, message_id, is_deflated=syntax == DEFLATED)
    return [*pieces, pdu(5, bytes(4))]


def _store(chooser: random.Random, message_id: int, *, is_deflated: bool) -> Session:
    uid = objects.instance_uid(66, chooser.randrange(10**9))
    data_set = _data_set(chooser, uid)
    if is_deflated:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        data_set = packer.compress(data_set) + packer.flush()
        data_set += b"\0" * (len(data_set) % 2)
    size = chooser.choice((64, 500, 4000))
    fragments = [
        p_data(3, data_set[at : at + size], is_command=False, is_last=at + size >= len(data_set))
        for at in range(0, len(data_set), size)
    ]
    return [p_data(3, store_request(uid, message_id), is_command=True, is_last=True), *fragments]


def _data_set(chooser: random.Random, uid: str) -> bytes:
    """Make a data set; in three of ten the mistake is in it and not in the frames around it."""
    data_set = bytearray(objects.instance(uid, size=1200, seed=chooser.randrange(1000)))
    if chooser.random() < 0.5:
        nested = objects.element(0x00080005, "CS", b"ISO_IR 100")
        for _ in range(chooser.choice((1, 3, 70, 300))):
            inner = struct.pack("<HHI", 0xFFFE, 0xE000, len(nested)) + nested
            nested = objects.element(0x00081140, "SQ", inner)
        data_set[:0] = nested
    if chooser.random() < 0.6:
        for _ in range(chooser.choice((1, 2, 8))):
            _spoil(chooser, data_set)
    return bytes(data_set)


def _spoil(chooser: random.Random, data_set: bytearray) -> None:
    at = chooser.randrange(max(1, len(data_set) - 8))
    data_set += bytes(max(0, 9 - len(data_set)))
    match chooser.randrange(4):
        case 0:
            struct.pack_into("<I", data_set, at, chooser.choice(LENGTHS))
        case 1:
            data_set[at] = chooser.randrange(256)
        case 2:
            del data_set[at + 8 :]
        case _:
            data_set[at:at] = chooser.choice(STRINGS[:-1])


def _user_items(chooser: random.Random) -> bytes:
    uid = CT_IMAGE_STORAGE.encode()
    named = struct.pack(">H", len(uid)) + uid
    choices = (
        item(0x53, struct.pack(">HH", chooser.randrange(4), chooser.randrange(4))),
        item(0x54, named + bytes([1, 1])),
        item(0x56, named + b"\x02\x00\x03\x00\x01\x00"),
        item(0x57, named + named + struct.pack(">H", 0)),
        item(0x58, b"\x02\x01" + struct.pack(">H", 4) + b"user" + struct.pack(">H", 4) + b"word"),
        item(0x58, b"\x05\x00" + struct.pack(">H", 3) + b"jwt" + struct.pack(">H", 0)),
    )
    return b"".join(one for one in choices if chooser.random() < 0.25)


# ---- mistakes ------------------------------------------------------------------------------


def _pdu_length(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
    if len(pieces[at]) >= 6:
        struct.pack_into(">I", pieces[at], 2, chooser.choice(LENGTHS))


def _fragment_length(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
    if len(pieces[at]) >= 12:
        struct.pack_into(">I", pieces[at], 6, chooser.choice(LENGTHS))


def _one_byte(position: int) -> Mutation:
    """Give a mutation of a byte that means much: 0 PDU type, 10 context id, 11 fragment flags."""

    def mutate(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
        if len(pieces[at]) > position:
            pieces[at][position] = chooser.randrange(256)

    return mutate


def _duplicate(_: random.Random, pieces: list[bytearray], at: int) -> None:
    pieces.insert(at, bytearray(pieces[at]))


def _drop(_: random.Random, pieces: list[bytearray], at: int) -> None:
    del pieces[at]


def _swap(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
    other = chooser.randrange(len(pieces))
    pieces[at], pieces[other] = pieces[other], pieces[at]


def _cut(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
    if pieces[at]:
        del pieces[at][chooser.randrange(len(pieces[at])) :]


def _flip(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
    for _ in range(chooser.choice((1, 2, 8)) if pieces[at] else 0):
        pieces[at][chooser.randrange(len(pieces[at]))] = chooser.randrange(256)


def _splice(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
    if len(pieces[at]) > 20:
        offset = chooser.randrange(6, len(pieces[at]))
        pieces[at][offset:offset] = chooser.choice(STRINGS)


def _item_length(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
    if len(pieces[at]) > 80:
        offset = chooser.randrange(74, len(pieces[at]) - 3)
        struct.pack_into(">H", pieces[at], offset, chooser.choice((0, 1, 0xFF, 0x7FFF, 0xFFFF)))


def _element_length(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
    if len(pieces[at]) > 24:
        offset = chooser.randrange(12, len(pieces[at]) - 8)
        struct.pack_into("<I", pieces[at], offset, chooser.choice(LENGTHS))


def _stranger(chooser: random.Random, pieces: list[bytearray], at: int) -> None:
    """Put a PDU where it does not belong."""
    body = chooser.randbytes(4) if chooser.random() < 0.5 else bytes(chooser.randrange(80))
    pieces.insert(at, bytearray(pdu(chooser.choice((0, 1, 2, 3, 5, 6, 7, 8, 255)), body)))


_MUTATIONS: Final[tuple[Mutation, ...]] = (
    _pdu_length,
    _fragment_length,
    _one_byte(0),
    _one_byte(10),
    _one_byte(11),
    _duplicate,
    _drop,
    _swap,
    _cut,
    _flip,
    _splice,
    _item_length,
    _element_length,
    _stranger,
)
