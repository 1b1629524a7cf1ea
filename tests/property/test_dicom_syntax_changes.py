"""Re-encoding against pydicom, against the tree, and against every cut of the stream."""

import io
import zlib

import pytest
from dicom_trees import DATA_SETS, SPLITS, Leaf, Pixels, encode, wire
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from test_dicom_pydicom import data_sets
from test_dicom_structure import cut

from hilum.dicom.bulk import Bulk
from hilum.dicom.byte_order import in_other_order
from hilum.dicom.encode import encode_data_set
from hilum.dicom.parser import read_data_set
from hilum.dicom.part10 import file_meta
from hilum.dicom.reencode import Reencoder
from hilum.dicom.syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

PLAIN = [
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
]
PAIRS = [(source, target) for source in PLAIN for target in PLAIN]


def name(syntax):
    return syntax.name


def reencoded(chunks, source, target):
    reencoder = Reencoder(source, target)
    parts = [part for chunk in chunks for part in reencoder.feed(chunk)]
    return b"".join(parts + reencoder.finish())


def written(data_set, syntax):
    """Write a data set as pydicom does it."""
    stream = DicomBytesIO()
    stream.is_little_endian = syntax.little_endian
    stream.is_implicit_VR = not syntax.explicit
    write_dataset(stream, data_set, "iso8859")
    return wire(stream.getvalue(), syntax)


def by_pydicom(raw, syntax):
    meta = file_meta(sop_class_uid="1.2", sop_instance_uid="1.3", transfer_syntax_uid=syntax.uid)
    data_set = dcmread(io.BytesIO(meta + raw))
    data_set.decode()
    return data_set


def without_private(data_set):
    """Leave out what has no VR in implicit syntaxes."""
    data_set.remove_private_tags()
    return data_set


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=name)
@given(data_set=data_sets(), pixels=st.binary(min_size=2, max_size=64))
@settings(max_examples=15, deadline=None)
def test_pydicom_reads_the_same_in_the_other_syntax(source, target, data_set, pixels):
    data_set.add_new(0x00280103, "US", 1)
    data_set.add_new(0x00280106, "SS", -5)
    data_set.add_new(0x00189087, "FD", 0.1)
    data_set.add_new(0x00280009, "AT", [0x00181063, 0x00181065])
    data_set.add_new(0x7FE00010, "OB", pixels + bytes(len(pixels) & 1))
    raw = written(data_set, source)

    for again in (
        reencoded([raw], source, target),
        encode_data_set(
            read_data_set(raw, source), target, bulk=lambda bulk: bulk.of(plain(raw, source))
        ),
    ):
        theirs = without_private(by_pydicom(again, target))
        expected = without_private(by_pydicom(raw, source))
        theirs.pop(0x7FE00010)
        expected.pop(0x7FE00010)
        assert theirs == expected


def plain(raw, syntax):
    return zlib.decompress(raw, -15) if syntax.deflated else raw


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=name)
@given(elements=DATA_SETS, places=SPLITS)
@settings(max_examples=25, deadline=None)
def test_the_tree_of_the_other_syntax_has_the_same_values(source, target, elements, places):
    elements = [element for element in elements if not isinstance(element, Pixels)]
    if not any(not isinstance(e, Leaf) or e.tag & 0xFFFF for e in elements):
        return
    stream = wire(b"".join(encode(elements, source)), source)

    whole = reencoded([stream], source, target)
    in_pieces = reencoded(cut(stream, places), source, target)

    assert in_pieces == whole
    ours, theirs = read_data_set(whole, target), read_data_set(stream, source)
    assert ours.tolerated.keys() <= {"duplicate element"}
    compare(ours, theirs, whole, stream)


def compare(ours, theirs, our_bytes, their_bytes):
    assert set(ours) == {tag for tag in theirs if tag & 0xFFFF}
    for tag in ours:
        (our_vr, our_value), (their_vr, their_value) = ours.elements[tag], theirs.elements[tag]
        if isinstance(our_value, list):
            assert len(our_value) == len(their_value)
            for item, other in zip(our_value, their_value, strict=True):
                compare(item, other, our_bytes, their_bytes)
        elif isinstance(our_value, Bulk):
            assert our_value.length == their_value.length
        else:
            turned = ours.little_endian != theirs.little_endian
            # An implicit data set names no VR: the words are turned by that of the source, if any.
            vr = their_vr if their_vr != "UN" else our_vr
            assert our_value == (in_other_order(their_value, vr) if turned else their_value)
