"""Data sets that become others on their way, and those that cannot."""

import struct
import tracemalloc

import pytest
from dicom_bytes import (
    END_OF_ITEM,
    END_OF_SEQUENCE,
    MODALITY,
    PATIENT_ID,
    PIXELS,
    UNDEFINED,
    explicit,
    implicit,
    item,
)

from hilum.dicom.limits import ReaderLimits
from hilum.dicom.parser import read_data_set
from hilum.dicom.reencode import NotReencodable, Reencoder
from hilum.dicom.syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    transfer_syntax,
)
from hilum.kernel.errors import CorruptPayload

REQUEST = 0x00400275


def reencoded(data, source=EXPLICIT_VR_LITTLE_ENDIAN, target=IMPLICIT_VR_LITTLE_ENDIAN, **options):
    reencoder = Reencoder(source, target, **options)
    return b"".join([*reencoder.feed(data), *reencoder.finish()])


def test_an_implicit_element_gets_its_vr_from_the_dictionary():
    data = implicit(0x00080060, b"CT") + implicit(0x00090010, b"ACME") + implicit(0x00091001, b"x ")

    assert reencoded(data, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN) == (
        MODALITY + explicit(0x00090010, b"LO", b"ACME") + explicit(0x00091001, b"UN", b"x ")
    )


@pytest.mark.parametrize(("sign", "vr"), [(0, b"US"), (1, b"SS")])
def test_pixel_representation_decides_and_an_item_may_have_its_own(sign, vr):
    inner = implicit(0x00280103, struct.pack("<H", 1 - sign)) + implicit(0x00280120, b"\1\0")
    data = (
        implicit(0x00280103, struct.pack("<H", sign))
        + implicit(0x00880200, item(inner))
        + implicit(0x00409096, item(implicit(0x00409211, b"\2\0")))
    )

    again = read_data_set(
        reencoded(data, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN),
        EXPLICIT_VR_LITTLE_ENDIAN,
    )

    other = {b"US": "SS", b"SS": "US"}[vr]
    assert again.items(0x00880200)[0].vr(0x00280120) == other
    assert again.items(0x00409096)[0].vr(0x00409211) == vr.decode()


def test_who_knows_the_sign_beforehand_may_say_it():
    data = implicit(0x00189810, b"\xff\xff")

    to_explicit = (IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN)
    assert reencoded(data, *to_explicit) == explicit(0x00189810, b"US", b"\xff\xff")
    assert reencoded(data, *to_explicit, signed=True) == explicit(0x00189810, b"SS", b"\xff\xff")


def test_words_are_turned_and_bytes_are_not():
    data = (
        explicit(0x00280009, b"AT", struct.pack("<HH", 0x0018, 0x1063))
        + explicit(0x00091001, b"UN", b"abcd")
        + explicit(0x00280010, b"US", b"\1\2\3\4")
        + explicit(0x7FE00010, b"OW", b"abcd")
    )

    assert reencoded(data, target=EXPLICIT_VR_BIG_ENDIAN) == (
        explicit(0x00280009, b"AT", struct.pack(">HH", 0x0018, 0x1063), order=">")
        + explicit(0x00091001, b"UN", b"abcd", order=">")
        + explicit(0x00280010, b"US", b"\2\1\4\3", order=">")
        + explicit(0x7FE00010, b"OW", b"badc", order=">")
    )


def test_a_sequence_that_says_unknown_becomes_one():
    inside = implicit(0xFFFEE000, length=UNDEFINED) + implicit(0x00280010, b"\1\2") + END_OF_ITEM
    data = explicit(REQUEST, b"UN", length=UNDEFINED) + inside + END_OF_SEQUENCE

    again = read_data_set(reencoded(data, target=EXPLICIT_VR_BIG_ENDIAN), EXPLICIT_VR_BIG_ENDIAN)

    assert again.items(REQUEST)[0].integer(0x00280010) == 0x0201


def test_what_is_odd_is_written_as_it_should_have_been():
    data = (
        explicit(0x00080000, b"UL", b"\4\0\0\0")
        + explicit(0x00080060, b"CS", b"CT ")
        + explicit(0x00081030, b"cs", b"x")
        + END_OF_ITEM
        + explicit(REQUEST, b"SQ", implicit(0xFFFEE000, PATIENT_ID, length=UNDEFINED))
        + b"\0"
    )
    reencoder = Reencoder(EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN)

    again = b"".join([*reencoder.feed(data), *reencoder.finish()])

    assert reencoder.tolerated == {
        "malformed VR": 1,
        "stray delimiter": 1,
        "missing delimiter": 1,
    }
    assert again == (
        explicit(0x00080060, b"CS", b"CT  ")
        + explicit(0x00081030, b"LO", b"x ")
        + explicit(REQUEST, b"SQ", length=UNDEFINED)
        + implicit(0xFFFEE000, PATIENT_ID, length=UNDEFINED)
        + END_OF_ITEM
        + END_OF_SEQUENCE
    )


@pytest.mark.parametrize(
    "data",
    [
        explicit(0x7FE00010, b"OB", item() + item(b"\xff\xd8"), length=UNDEFINED) + END_OF_SEQUENCE,
        MODALITY + item(PATIENT_ID),
    ],
)
def test_what_has_no_other_encoding_is_refused(data):
    with pytest.raises(NotReencodable):
        reencoded(data)


def test_a_compressed_syntax_is_refused_before_anything_is_read():
    with pytest.raises(NotReencodable, match="JPEG Baseline"):
        Reencoder(transfer_syntax("1.2.840.10008.1.2.4.50"), EXPLICIT_VR_LITTLE_ENDIAN)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MODALITY[:-1],
        MODALITY[:5],
        explicit(REQUEST, b"SQ", item(PATIENT_ID, length=40)),
        explicit(REQUEST, b"SQ", PATIENT_ID),
        explicit(REQUEST, b"SQ", item(PATIENT_ID), length=UNDEFINED),
        explicit(REQUEST, b"SQ", item(PATIENT_ID)[:-2] + END_OF_SEQUENCE),
    ],
)
def test_what_is_no_data_set_is_refused(data):
    with pytest.raises(CorruptPayload):
        reencoded(data)


def test_depth_and_number_of_elements_are_bounded():
    deep = item(b"")
    for _ in range(70):
        deep = item(explicit(REQUEST, b"SQ", deep))

    with pytest.raises(CorruptPayload, match="nested"):
        reencoded(explicit(REQUEST, b"SQ", deep))
    with pytest.raises(CorruptPayload, match="more than 2 elements"):
        reencoded(MODALITY * 3, limits=ReaderLimits(elements_max=2))


def test_pixels_go_by_without_being_held():
    reencoder = Reencoder(EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN)
    chunk = bytes(1 << 16)
    reencoder.feed(PIXELS[:8] + struct.pack("<I", 64 << 20))
    tracemalloc.start()

    for _ in range(1024):
        reencoder.feed(chunk)
    reencoder.finish()

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_pixels_are_turned_round_by_the_size_of_a_sample(bits):
    big = struct.pack(">HH2sHH", 0x28, 0x100, b"US", 2, bits)
    big += struct.pack(">HH2sHI", 0x7FE0, 0x10, b"OW", 0, 8) + bytes(range(8))
    # Samples of a byte come in words of two (PS3.5 §8.1.1).
    width = max(bits // 8, 2)
    turned = b"".join([bytes(range(at, at + width))[::-1] for at in range(0, 8, width)])

    little = reencoded(big, EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN)

    assert little.endswith(turned)
    assert reencoded(little, EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN) == big
