"""Small deterministic Part 10 instances, made without pydicom: the same seed gives the same bytes.

They are valid enough for every archive we know (patient, study, series and image modules filled),
but the people in them never lived. UIDs are under 2.25 (PS3.5 §B.2) and follow from the numbers.
"""

import hashlib
import math
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.dicom.part10 import file_meta
from hilum.kernel.names import UID

CT: Final = UID("1.2.840.10008.5.1.4.1.1.2")
MR: Final = UID("1.2.840.10008.5.1.4.1.1.4")
SECONDARY_CAPTURE: Final = UID("1.2.840.10008.5.1.4.1.1.7")
IMPLICIT_VR_LITTLE_ENDIAN: Final = UID("1.2.840.10008.1.2")
EXPLICIT_VR_LITTLE_ENDIAN: Final = UID("1.2.840.10008.1.2.1")

_MODALITIES: Final = {CT: "CT", MR: "MR"}
# VRs with two reserved bytes and a length of four (PS3.5 §7.1.2), as far as they occur here.
_LONG_VRS: Final = frozenset({b"OB", b"OW", b"SQ", b"UN"})
_US_MAX: Final = 0xFFFF

_Element = tuple[int, bytes, bytes]  # tag, VR, value


@dataclass(frozen=True, slots=True)
class GeneratedInstance:
    """One instance as it would travel in a C-STORE: its names and its encoded data set."""

    sop_class_uid: UID
    sop_instance_uid: UID
    transfer_syntax_uid: UID
    study_instance_uid: UID
    series_instance_uid: UID
    data_set: bytes


def instance(
    *,
    seed: int,
    study: int = 0,
    series: int = 0,
    sop_class: UID = CT,
    syntax: UID = EXPLICIT_VR_LITTLE_ENDIAN,
    pixel_bytes: int = 8192,
) -> GeneratedInstance:
    """Make the instance `seed` of a series of a study; `pixel_bytes` of 16-bit noise are its image.

    Raises:
        ValueError: the syntax is not one of the two above, or no image has that many bytes.
    """
    if syntax not in (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN):
        raise ValueError(f"{syntax}: generated data sets are explicit or implicit little endian")
    study_uid = uid("study", study)
    series_uid = uid("series", study, series)
    instance_uid = uid("instance", study, series, seed)
    elements = [
        *_general(sop_class, instance_uid, study=study),
        *_patient(study),
        *_hierarchy(study_uid, series_uid, study=study, series=series, number=seed),
        *_image(seed, pixel_bytes),
    ]
    encode = _explicit if syntax == EXPLICIT_VR_LITTLE_ENDIAN else _implicit
    data_set = b"".join(part for element in elements for part in encode(*element))
    return GeneratedInstance(sop_class, instance_uid, syntax, study_uid, series_uid, data_set)


def write_part10(path: Path, generated: GeneratedInstance) -> None:
    """Write `generated` as a Part 10 file (PS3.10 §7.1)."""
    meta = file_meta(
        sop_class_uid=generated.sop_class_uid,
        sop_instance_uid=generated.sop_instance_uid,
        transfer_syntax_uid=generated.transfer_syntax_uid,
    )
    path.write_bytes(meta + generated.data_set)


def uid(*name: object) -> UID:
    """Derive a UID from `name`: 128 bits of its hash as one decimal component under 2.25."""
    digest = hashlib.blake2b("/".join(map(str, name)).encode(), digest_size=16).digest()
    return UID(f"2.25.{int.from_bytes(digest, 'big')}")


def _general(sop_class: UID, instance_uid: UID, *, study: int) -> Iterator[_Element]:
    yield 0x00080005, b"CS", b"ISO_IR 100"
    yield 0x00080008, b"CS", b"ORIGINAL\\PRIMARY\\AXIAL"
    yield 0x00080016, b"UI", sop_class.encode()
    yield 0x00080018, b"UI", instance_uid.encode()
    yield 0x00080020, b"DA", _date(study)
    yield 0x00080021, b"DA", _date(study)
    yield 0x00080030, b"TM", b"101500"
    yield 0x00080050, b"SH", b"A%09d" % study
    yield 0x00080060, b"CS", _MODALITIES.get(sop_class, "OT").encode()
    yield 0x00080070, b"LO", b"HILUM PHANTOMS"
    yield 0x00080080, b"LO", b"Hospital of Nowhere"
    yield 0x00080090, b"PN", b"REFERRER^NOBODY"
    yield 0x00081030, b"LO", b"GENERATED STUDY %d" % study


def _patient(study: int) -> Iterator[_Element]:
    yield 0x00100010, b"PN", b"GENERATED^PERSON%d" % study
    yield 0x00100020, b"LO", b"GEN%08d" % study
    yield 0x00100030, b"DA", b"19%02d0101" % (30 + study % 70)
    yield 0x00100040, b"CS", b"FM"[study % 2 :][:1]


def _hierarchy(
    study_uid: UID, series_uid: UID, *, study: int, series: int, number: int
) -> Iterator[_Element]:
    yield 0x00180015, b"CS", b"PHANTOM"
    yield 0x0020000D, b"UI", study_uid.encode()
    yield 0x0020000E, b"UI", series_uid.encode()
    yield 0x00200010, b"SH", b"%d" % study
    yield 0x00200011, b"IS", b"%d" % (series + 1)
    yield 0x00200013, b"IS", b"%d" % (number + 1)


def _image(seed: int, pixel_bytes: int) -> Iterator[_Element]:
    rows, columns = _shape(pixel_bytes)
    yield 0x00280002, b"US", struct.pack("<H", 1)
    yield 0x00280004, b"CS", b"MONOCHROME2"
    yield 0x00280010, b"US", struct.pack("<H", rows)
    yield 0x00280011, b"US", struct.pack("<H", columns)
    yield 0x00280100, b"US", struct.pack("<H", 16)
    yield 0x00280101, b"US", struct.pack("<H", 16)
    yield 0x00280102, b"US", struct.pack("<H", 15)
    yield 0x00280103, b"US", struct.pack("<H", 0)
    # Noise, so that neither a compressing link nor a sparse file makes a measurement look better.
    yield 0x7FE00010, b"OW", random.Random(seed).randbytes(pixel_bytes)  # noqa: S311 - not a secret


def _shape(pixel_bytes: int) -> tuple[int, int]:
    """Find rows and columns of a 16-bit image of exactly `pixel_bytes`, as square as possible."""
    pixels, odd = divmod(pixel_bytes, 2)
    rows = math.isqrt(pixels)
    while rows and pixels % rows:
        rows -= 1
    if odd or not rows or pixels // rows > _US_MAX:
        raise ValueError(f"no 16-bit image has exactly {pixel_bytes} bytes of pixels")
    return rows, pixels // rows


def _date(study: int) -> bytes:
    return b"2024%02d%02d" % (1 + study % 12, 1 + study % 28)


def _padded(vr: bytes, value: bytes) -> bytes:
    if len(value) % 2 == 0:
        return value
    return value + (b"\0" if vr in (b"UI", b"OB", b"UN") else b" ")


def _explicit(tag: int, vr: bytes, value: bytes) -> tuple[bytes, bytes]:
    value = _padded(vr, value)
    if vr in _LONG_VRS:
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, len(value)), value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)), value


def _implicit(tag: int, vr: bytes, value: bytes) -> tuple[bytes, bytes]:
    value = _padded(vr, value)
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)), value
