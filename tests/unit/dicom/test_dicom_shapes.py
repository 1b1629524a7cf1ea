"""Shapes: what a series repeats is recognised, anything else is walked through."""

import pytest
from dicom_bytes import (
    END_OF_SEQUENCE,
    MODALITY,
    OTHER_PATIENT_ID,
    PATIENT_ID,
    PIXELS,
    SOP_CLASS,
    SOP_INSTANCE,
    UNDEFINED,
    delimited_item,
    delimited_sequence,
    explicit,
    item,
)

from hilum.dicom.reader import DataSetReader
from hilum.dicom.shapes import SHAPES_MAX, Shapes
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.dicom.tags import PATIENT_ID as PATIENT_ID_TAG
from hilum.kernel.errors import CorruptPayload

OTHERS = delimited_sequence(0x00101002, delimited_item(OTHER_PATIENT_ID))
DATA_SET = SOP_CLASS + SOP_INSTANCE + MODALITY + PATIENT_ID + OTHERS + PIXELS
COMPRESSED = (
    DATA_SET[: -len(PIXELS)]
    + explicit(0x7FE00010, b"OB", length=UNDEFINED)
    + item()
    + item(b"jpeg" * 8)
    + END_OF_SEQUENCE
)


def read(data_set, shapes):
    reader = DataSetReader(EXPLICIT_VR_LITTLE_ENDIAN, shapes=shapes)
    reader.feed(data_set)
    return reader.finish()


def known(shapes):
    return len(shapes._shapes)


@pytest.mark.parametrize("data_set", [DATA_SET, COMPRESSED], ids=["native", "compressed"])
def test_a_data_set_that_comes_again_is_recognised(data_set, monkeypatch):
    shapes = Shapes()
    walked = [read(data_set, shapes) for _ in range(2)]
    assert known(shapes) == 1

    monkeypatch.setattr(Shapes, "note", None)  # only what had to be walked from its beginning
    another = read(data_set.replace(b"P1", b"X9"), shapes)

    assert another.values == walked[0].values | {PATIENT_ID_TAG: b"X9"}


@pytest.mark.parametrize("at", range(0, len(DATA_SET) - 64, 3))
def test_a_shape_never_hides_a_changed_byte(at):
    shapes = Shapes()
    for _ in range(2):
        read(DATA_SET, shapes)
    changed = bytearray(DATA_SET)
    changed[at] ^= 0x41

    def outcome(shapes):
        try:
            header = read(bytes(changed), shapes)
        except CorruptPayload as error:
            return str(error)
        return header.values, header.tolerated

    assert outcome(shapes) == outcome(None)


def test_a_recognised_data_set_must_still_be_complete():
    shapes = Shapes()
    for _ in range(2):
        read(DATA_SET, shapes)

    with pytest.raises(CorruptPayload, match="before the end of an element"):
        read(DATA_SET[:-1], shapes)


def test_oddities_are_never_learned_for_each_must_be_counted():
    shapes = Shapes()
    odd = SOP_CLASS + SOP_INSTANCE + MODALITY + explicit(0x00080070, b"?!")

    counted = [read(odd, shapes).tolerated for _ in range(4)]

    assert known(shapes) == 0
    assert counted[0]
    assert counted == [counted[0]] * 4


def test_the_number_of_shapes_is_bounded_and_the_latest_stay():
    shapes = Shapes()
    for length in range(2, 2 * SHAPES_MAX + 20, 2):
        for _ in range(12):
            read(SOP_CLASS + SOP_INSTANCE + explicit(0x00100020, b"LO", b"P" * length), shapes)

    assert known(shapes) == SHAPES_MAX


def test_what_was_learned_from_a_cut_window_is_learned_again_from_a_longer_one():
    # As it came first: cut inside a value that nobody wants.
    shapes = Shapes()
    long = SOP_CLASS + SOP_INSTANCE + explicit(0x00090010, b"LO", bytes(40))
    data_set = long + explicit(0x00100020, b"LO", b"P1") + explicit(0x00100040, b"CS", b"M ")
    for _ in range(2):
        reader = DataSetReader(EXPLICIT_VR_LITTLE_ENDIAN, shapes=shapes)
        for piece in (data_set[: len(long) - 4], data_set[len(long) - 4 :]):
            reader.feed(piece)
        reader.finish()
    assert [shape.end for shape in shapes._shapes] == [len(long)]

    for _ in range(12):
        read(data_set, shapes)

    assert [shape.end for shape in shapes._shapes] == [len(data_set), len(long)]
