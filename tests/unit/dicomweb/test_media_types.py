import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicomweb.media_types import MediaType, media_type, preferences
from hilum.kernel.errors import RemoteProtocolError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("application/dicom+json", MediaType("application/dicom+json")),
        ("Application/DICOM ", MediaType("application/dicom")),
        ("a/b; c=d", MediaType("a/b", (("c", "d"),))),
        ('a/b;c="d;e, f"', MediaType("a/b", (("c", "d;e, f"),))),
        ("a/b; type=application/dicom", MediaType("a/b", (("type", "application/dicom"),))),
        ("a/b;;", MediaType("a/b")),
        ("*", MediaType("*/*")),
    ],
)
def test_a_media_type_is_read(text, expected):
    assert media_type(text) == expected


@pytest.mark.parametrize("text", ["", "dicom", "a/b c", "a/b; c", "a/b,c/d", "/", "a/b" * 5000])
def test_what_is_no_media_type_is_refused(text):
    with pytest.raises(RemoteProtocolError):
        media_type(text)


_words = st.text("abcdefgh-+.", min_size=1, max_size=8)
_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)


@given(_words, _words, st.dictionaries(_words, _values, max_size=4))
def test_what_is_written_is_read(kind, subtype, parameters):
    written = MediaType(f"{kind}/{subtype}", tuple(parameters.items()))

    assert media_type(str(written)) == written


@given(st.text(st.sampled_from('ab/*;=", \\q01.'), max_size=60))
def test_any_accept_header_is_read_or_refused(text):
    try:
        accepted = preferences(text)
    except RemoteProtocolError:
        return

    assert all(0 <= one.quality <= 1 for one in accepted)


def test_ranges_are_sorted_by_quality_and_then_as_they_stand():
    text = 'a/a;q=0.5, multipart/related; type="application/dicom"; q=0.9, b/b, c/c;q=0.5'

    accepted = preferences(text)

    assert [one.media_type.essence for one in accepted] == [
        "b/b",
        "multipart/related",
        "a/a",
        "c/c",
    ]
    assert accepted[1].media_type.parameter("type") == "application/dicom"


def test_an_accept_header_without_end_is_refused():
    with pytest.raises(RemoteProtocolError, match="ranges"):
        preferences("a/b," * 200)
