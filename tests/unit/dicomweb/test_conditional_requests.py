"""Byte ranges and entity tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicomweb.byte_range import Span, spans_of
from hilum.dicomweb.entity_tag import entity_tag, has_it, still_holds, weak
from hilum.dicomweb.refusal import RequestRefused


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-0", (Span(0, 1),)),
        ("bytes=0-99", (Span(0, 10),)),
        ("bytes=4-", (Span(4, 10),)),
        ("bytes=-3", (Span(7, 10),)),
        ("bytes=-99", (Span(0, 10),)),
        ("Bytes = 1-2, 5-6", (Span(1, 3), Span(5, 7))),
        ("bytes=5-6,1-2,2-4,99-", (Span(1, 7),)),
        ("", ()),
        ("bytes=", ()),
        ("bytes=3-1", ()),
        ("bytes=a-b", ()),
        ("bytes=-", ()),
        ("items=0-1", ()),
        ("bytes=" + "0-1," * 17, ()),
        ("bytes=" + "9" * 400 + "-", ()),
    ],
)
def test_a_range_is_read_or_the_whole_is_answered(header, spans):
    assert spans_of(header, 10) == spans


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_a_range_outside_is_refused_with_the_size(header, size):
    with pytest.raises(RequestRefused) as refused:
        spans_of(header, size)

    assert refused.value.status == 416
    assert refused.value.headers == {"Content-Range": f"bytes */{size}"}


def test_a_span_says_where_it_is():
    assert (Span(2, 5).length, Span(2, 5).content_range(9)) == (3, "bytes 2-4/9")


@given(st.text("bytes=0123456789-, ", max_size=40), st.integers(0, 1000))
def test_spans_are_inside_in_order_and_apart(text, size):
    try:
        spans = spans_of("bytes=" + text, size)
    except RequestRefused:
        return

    places = [place for span in spans for place in (span.start, span.end)]
    assert places == sorted(set(places))
    assert all(0 <= place <= size for place in places)


def test_a_tag_changes_with_each_part_and_with_their_borders():
    tags = {entity_tag("ab", "c"), entity_tag("a", "bc"), entity_tag("abc"), entity_tag("ab", "d")}

    assert len(tags) == 4


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"x", W/"a", "y"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
        ("", False),
        ('"a', False),
    ],
)
def test_a_client_has_an_answer_whose_tag_it_sends(header, known):
    assert has_it(header, '"a"') is known
    assert has_it(header, weak('"a"')) is known


@pytest.mark.parametrize(
    ("header", "tag", "holds"),
    [
        ("", '"a"', True),
        ('"a"', '"a"', True),
        ('"b"', '"a"', False),
        ('W/"a"', 'W/"a"', False),
        ("Wed, 21 Oct 2015 07:28:00 GMT", '"a"', False),
    ],
)
def test_a_range_goes_on_only_with_the_same_bytes(header, tag, holds):
    assert still_holds(header, tag) is holds
