"""The tree against the walker, which reads the same without one, and against pydicom."""

import warnings

import pytest
from dicom_trees import DATA_SETS, SYNTAXES, WANTED, Leaf, Pixels, Sequence, encode, wire
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.dicom.bulk import Bulk
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.parser import CutShort, read_data_set, read_header
from hilum.dicom.reader import DataSetReader
from hilum.dicom.tags import PIXEL_TAGS
from hilum.kernel.errors import CorruptPayload

# Counted by the walker only for what it keeps.
UNCOMPARED = ("duplicate element", "overlong value")


def oddities(tolerated):
    return {name: count for name, count in tolerated.items() if name not in UNCOMPARED}


def walked(syntax, stream):
    reader = DataSetReader(syntax, WANTED, ReaderLimits())
    try:
        reader.feed(stream)
        header = reader.finish()
    except CorruptPayload:
        return None
    return header.values, oddities(header.tolerated)


def parsed(syntax, stream):
    try:
        data_set = read_data_set(stream, syntax)
    except CorruptPayload:
        return None
    values = {tag: data_set.raw(tag) for tag in data_set if tag in WANTED}
    return values, oddities(data_set.tolerated)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@given(elements=DATA_SETS)
@settings(max_examples=60, deadline=None)
def test_the_tree_is_what_was_encoded(syntax, elements):
    data_set = read_data_set(wire(b"".join(encode(elements, syntax)), syntax), syntax)

    compare(data_set, elements)


def compare(data_set, elements):
    last = {element.tag: element for element in elements}
    assert set(data_set) == set(last)
    for tag, element in last.items():
        value = data_set.elements[tag][1]
        if isinstance(element, Sequence):
            assert data_set.vr(tag) == "SQ"
            assert len(value) == len(element.items)
            for item, inner in zip(value, element.items, strict=True):
                compare(item, inner)
        elif isinstance(element, Pixels) or tag in PIXEL_TAGS:
            assert isinstance(value, Bulk)
        else:
            assert value == element.value


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@given(
    elements=DATA_SETS,
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3),
    cut=st.integers(0, 400),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_broken_is_to_the_tree_what_it_is_to_the_walker(syntax, elements, changes, cut):
    data = bytearray(b"".join(encode(elements, syntax)))
    for place, octet in changes:
        if data:
            data[place % len(data)] = octet
    stream = wire(bytes(data[: len(data) - cut % 16]), syntax)

    assert parsed(syntax, stream) == walked(syntax, stream)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@given(elements=DATA_SETS, cut=st.integers(0, 600))
@settings(max_examples=60, deadline=None)
def test_a_beginning_gives_the_header_or_asks_for_more(syntax, elements, cut):
    if syntax.deflated:
        return
    parts = encode(elements, syntax)
    stream = b"".join(parts)
    has_pixels = elements[-1].tag in PIXEL_TAGS
    pixels_at = len(stream) - len(parts[-1]) if has_pixels else len(stream)

    try:
        with warnings.catch_warnings():
            header = read_header(stream[:cut], syntax)
    except CutShort:
        # At most the twelve bytes of a header are wanted of the pixels.
        assert not has_pixels or cut < pixels_at + 12
    except CorruptPayload:
        assert cut == 0
    else:
        assert has_pixels
        compare_top(header, elements)


def compare_top(header, elements):
    last = {element.tag: element for element in elements}
    assert set(header) == set(last)
    for tag, element in last.items():
        if isinstance(element, Leaf) and tag not in PIXEL_TAGS:
            assert header.raw(tag) == element.value
