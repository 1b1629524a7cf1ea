"""Trees of real files against those of pydicom, and against what the walker makes of them.

The corpus is not part of the project: HILUM_CORPUS names its folder, ../shared/data is the default.
"""

import io

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from test_dicom_corpus import PASSED_WITHOUT_DCMTK, REFUSED, files, pytestmark, read  # noqa: F401

from hilum.dicom.bulk import Bulk
from hilum.dicom.byte_order import in_other_order
from hilum.dicom.inflate import Inflater
from hilum.dicom.limits import DEFAULT_LIMITS
from hilum.dicom.parser import read_data_set, read_header
from hilum.dicom.part10 import guess_transfer_syntax, read_file_meta
from hilum.dicom.reencode import Reencoder, can_reencode
from hilum.dicom.syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    transfer_syntax,
)
from hilum.dicom.tags import PIXEL_TAGS
from hilum.kernel.errors import CorruptPayload

# pydicom fails on a value before it gets to the tree.
UNREADABLE = {"pydicom-data/explicit_VR-UN.dcm", "dcm4che/no_preamble_dicm_in_data"}
UNCOMPARED = ("duplicate element", "overlong value")


def split(content):
    meta = read_file_meta(io.BytesIO(content))
    data = content[meta.data_set_offset :]
    uid = meta.transfer_syntax_uid
    return data, transfer_syntax(uid) if uid else guess_transfer_syntax(data[:8])


def tree_of(content):
    try:
        return read_data_set(*split(content))
    except CorruptPayload:
        return None


def oddities(tolerated):
    return {name: count for name, count in tolerated.items() if name not in UNCOMPARED}


def test_a_tree_is_made_of_what_the_walker_passes_with_the_same_oddities():
    for name, content in files().items():
        data_set = tree_of(content)

        assert (data_set is None) == (name in REFUSED), name
        if data_set is not None:
            walked = read(content, chunk_bytes=1 << 20)
            assert oddities(data_set.tolerated) == oddities(walked.tolerated), name


def test_a_header_is_the_beginning_of_the_tree():
    compared = 0
    for name, content in files().items():
        data_set = None if name in REFUSED else tree_of(content)
        if data_set is None or not PIXEL_TAGS & set(data_set):
            continue
        data, syntax = split(content)
        pixels = next(tag for tag in data_set if tag in PIXEL_TAGS)
        bulk = data_set.elements[pixels][1]
        prefix = data if syntax.deflated else data[: bulk.position]

        header = read_header(prefix, syntax)

        before = list(data_set)[: list(data_set).index(pixels)]
        assert list(header) == [*before, pixels], name
        for tag in before:
            if not isinstance(data_set.elements[tag][1], list):
                assert header.elements[tag] == data_set.elements[tag]
        compared += 1
    assert compared > 300


@pytest.mark.filterwarnings("ignore")
def test_every_value_is_that_of_pydicom():
    compared = 0
    for name, content in files().items():
        if name not in REFUSED | UNREADABLE:
            theirs = pydicom.dcmread(io.BytesIO(content), force=True)
            data, syntax = split(content)
            if syntax.deflated:
                data = b"".join(Inflater(DEFAULT_LIMITS).inflate(data))
            compared += compare(name, tree_of(content), theirs, data)
    assert compared > 80_000


def compare(name, ours, theirs, data):
    there = {int(tag) for tag in theirs.keys() if tag.group != 2}  # noqa: SIM118 -- iterating decodes
    assert set(ours) == there, name
    compared = 0
    for tag, (vr, value) in ours.elements.items():
        raw = theirs.get_item(tag)
        if isinstance(value, list):
            items = theirs[tag].value
            if theirs[tag].VR == "UN":
                continue  # pydicom does not look into these
            assert len(items) == len(value), (name, hex(tag))
            compared += sum(map(compare, [name] * len(value), value, items, [data] * len(value)))
            continue
        if isinstance(raw, RawDataElement):
            if not isinstance(value, Bulk):
                assert value == (raw.value or b""), (name, hex(tag))
            elif value.length is not None:
                assert value.of(data) == raw.value, (name, hex(tag))
            is_known = raw.VR in {None, "UN"} or (value.__class__ is Bulk and value.length is None)
            assert is_known or raw.VR in {vr, "OB or OW"}, (name, hex(tag))
        compared += 1
    return compared


PLAIN = [
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
]


@pytest.mark.timeout(180)
def test_uncompressed_files_have_the_same_values_in_every_other_syntax():
    compared = 0
    for name, content in files().items():
        data, source = split(content)
        data_set = None if name in REFUSED else tree_of(content)
        if data_set is None or not can_reencode(source, source) or has_fragments(data_set):
            continue
        for target in PLAIN:
            again = read_data_set(reencoded(data, source, target), target)
            same(name, again, data_set)
            assert set(again.tolerated) <= {"duplicate element"}, name
            compared += 1
    assert compared > 800


def has_fragments(data_set):
    values = [value for _, value in data_set.elements.values()]
    return any(isinstance(value, Bulk) and value.length is None for value in values)


def reencoded(data, source, target):
    reencoder = Reencoder(source, target)
    return b"".join([*reencoder.feed(data), *reencoder.finish()])


def same(name, ours, theirs):
    assert set(ours) == {tag for tag in theirs if tag & 0xFFFF}, name
    for tag in ours:
        (_, our_value), (vr, their_value) = ours.elements[tag], theirs.elements[tag]
        if isinstance(our_value, list):
            assert len(our_value) == len(their_value), (name, hex(tag))
            list(map(same, [name] * len(our_value), our_value, their_value))
        elif isinstance(our_value, Bulk):
            assert our_value.length == their_value.length + (their_value.length & 1)
        elif ours.little_endian == theirs.little_endian:
            assert our_value[: len(their_value)] == their_value, (name, hex(tag))
        elif vr != "UN":
            turned = in_other_order(their_value, vr)
            assert our_value[: len(turned)] == turned, (name, hex(tag))
