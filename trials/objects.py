"""Data sets for trials: small, whole, made by hand, and known again by their digest."""

import random
import struct
from functools import lru_cache
from typing import Final

from trials.wire import CT_IMAGE_STORAGE, EXPLICIT_VR, ROOT
from xxhash import xxh3_128

LONG_LENGTH: Final = ("OB", "OW", "SQ", "UN", "UT")  # 32-bit lengths, PS3.5 §7.1.2
PIXEL_DATA: Final = 0x7FE00010
_NOISE_BYTES: Final = 1 << 20


def element(tag: int, representation: str, value: bytes) -> bytes:
    """Encode one element in Explicit VR Little Endian, padded to even length."""
    pad = b"\0" if representation in ("UI", "OB", "OW", "UN") else b" "
    padded = value + pad * (len(value) % 2)
    return header(tag, representation, len(padded)) + padded


def header(tag: int, representation: str, length: int) -> bytes:
    """Encode the header of an element, whatever `length` says."""
    name = representation.encode()
    if representation in LONG_LENGTH:
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, name, 0, length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, name, length)


def instance_uid(*numbers: int) -> str:
    """Give a UID of ours; the numbers tell instances apart."""
    return ".".join([ROOT, *(str(number) for number in numbers)])


def attributes(
    uid: str,
    *,
    study: str = f"{ROOT}.1",
    series: str = f"{ROOT}.1.1",
    patient_id: bytes = b"TRIAL-1",
    patient_name: bytes = b"Trial^One",
    sop_class: str = CT_IMAGE_STORAGE,
) -> bytes:
    """Encode what comes before the pixels: patient, study, series, instance, 256 columns."""
    return b"".join(
        (
            element(0x00080016, "UI", sop_class.encode()),
            element(0x00080018, "UI", uid.encode("latin-1")),
            element(0x00080020, "DA", b"20260101"),
            element(0x00080050, "SH", b"TRIAL"),
            element(0x00080060, "CS", b"CT"),
            element(0x00100010, "PN", patient_name),
            element(0x00100020, "LO", patient_id),
            element(0x0020000D, "UI", study.encode("latin-1")),
            element(0x0020000E, "UI", series.encode("latin-1")),
            element(0x00200013, "IS", b"1"),
            element(0x00280002, "US", struct.pack("<H", 1)),
            element(0x00280004, "CS", b"MONOCHROME2"),
            element(0x00280011, "US", struct.pack("<H", 256)),
            element(0x00280100, "US", struct.pack("<H", 16)),
        )
    )


def instance(uid: str, *, size: int, seed: int = 0, **more: str | bytes) -> bytes:
    """Make a whole instance of about `size` bytes whose pixels are `seed`'s own."""
    front = attributes(uid, **more)  # type: ignore[arg-type] # checked there
    return front + element(PIXEL_DATA, "OW", noise(max(size - len(front), 16), seed))


def part10(uid: str, *, size: int, seed: int = 0) -> bytes:
    """Make a whole instance as a file (PS3.10 §7.1)."""
    return meta_group(uid) + instance(uid, size=size, seed=seed)


def meta_group(uid: str) -> bytes:
    """Make what is before the data set in a file: preamble and file meta group."""
    meta = b"".join(
        (
            element(0x00020001, "OB", b"\0\1"),
            element(0x00020002, "UI", CT_IMAGE_STORAGE.encode()),
            element(0x00020003, "UI", uid.encode()),
            element(0x00020010, "UI", EXPLICIT_VR.encode()),
            element(0x00020012, "UI", ROOT.encode()),
        )
    )
    group_length = element(0x00020000, "UL", struct.pack("<I", len(meta)))
    return bytes(128) + b"DICM" + group_length + meta


def noise(size: int, seed: int) -> bytes:
    """Give bytes that no other seed has: the seed, then a stretch of shared noise."""
    shared = _shared_noise()
    start = seed * 7919 % (_NOISE_BYTES // 2)
    stretch = shared[start : start + size]
    if len(stretch) < size:
        stretch += shared * ((size - len(stretch)) // _NOISE_BYTES + 1)
    return (struct.pack("<Q", seed) + stretch)[:size]


def digest(data_set: bytes) -> bytes:
    """Give the digest that Hilum keeps of a data set."""
    return xxh3_128(data_set).digest()


@lru_cache(maxsize=1)
def _shared_noise() -> bytes:
    return random.Random(1).randbytes(_NOISE_BYTES)
