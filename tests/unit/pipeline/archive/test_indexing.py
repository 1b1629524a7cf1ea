"""What searches need besides the facts is found in the header, once for a series."""

import pytest
from pydantic import ValidationError

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.encode import deflated, encode_data_set
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.ledger.extras import SeriesRequest
from hilum.pipeline.archive.indexing import FRONT_BYTES, Indexing, requests_of
from hilum.pipeline.archive.settings import ExtraAttributeSettings
from hilum.query.level import Level

EXPLICIT, IMPLICIT, BIG, DEFLATED = (
    transfer_syntax(f"1.2.840.10008.1.2{end}") for end in (".1", "", ".2", ".1.99")
)


def requested(*, before=0, pixels=100):
    builder = DataSetBuilder("ISO_IR 100")
    builder.texts(0x0020000D, "1.2.3")
    if before:
        builder.texts(0x00290010, "PRIVATE", vr="LO")
        builder.raw(0x00291010, bytes(before), vr="OB")
    items = []
    for step in ("Größe", "S2"):
        item = builder.item()
        item.texts(0x00400009, step).texts(0x00401001, "R1").texts(0x00080050, "A1")
        items.append(item.data_set)
    builder.items(0x00400275, *items)
    if pixels:
        builder.raw(0x7FE00010, bytes(pixels), vr="OW")
    return builder.data_set


def found(data, syntax):
    return requests_of(lambda size: data[:size], len(data), syntax)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
@pytest.mark.parametrize("before", [0, 32_700, 150_000])
@pytest.mark.parametrize("pixels", [0, 100, 500_000])
def test_requests_are_read_in_every_syntax_from_the_front(syntax, before, pixels):
    data = encode_data_set(requested(before=before, pixels=pixels), syntax)

    expected = (SeriesRequest("Größe", "R1", "A1"), SeriesRequest("S2", "R1", "A1"))
    assert found(data, syntax) == expected


def test_requests_of_a_deflated_data_set_are_read():
    data = deflated(encode_data_set(requested(), EXPLICIT))

    assert len(found(data, DEFLATED)) == 2


def test_a_long_report_is_read_to_its_end():
    built = requested(pixels=0)
    built.elements[0x00420011] = ("OB", bytes(FRONT_BYTES * 2))
    data = encode_data_set(built, EXPLICIT)

    assert len(found(data, EXPLICIT)) == 2


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_nothing_is_read_behind_the_requests(syntax):
    """The items of a report are ten times what stands before them."""
    tag = b"\x00\x40\xa7\x30" if syntax is BIG else b"\x40\x00\x30\xa7"
    rest = b"" if syntax is IMPLICIT else b"SQ\0\0"
    data = encode_data_set(requested(pixels=0), syntax) + tag + rest + b"\0\0\0\x40 nonsense"

    assert len(found(data, syntax)) == 2


def test_what_cannot_be_read_has_no_requests():
    def fail(size):
        raise OSError(size)

    assert found(b"\x40\x00\x75\x02 nonsense", EXPLICIT) == ()
    assert requests_of(fail, 1, EXPLICIT) == ()


def test_a_series_is_looked_into_once_until_it_is_forgotten():
    data = encode_data_set(requested(), EXPLICIT)
    indexing = Indexing()

    def look():
        return len(indexing.requests("1.2.3", lambda size: data[:size], len(data), EXPLICIT))

    assert [look(), look()] == [2, 0]
    indexing.forget()
    assert look() == 2


def header(indexing):
    builder = DataSetBuilder("ISO_IR 192")
    builder.texts(0x00080201, "+0100")
    builder.texts(0x00081050, "Müller^A", "Buc^B")
    builder.texts(0x00104000, "two\\words")
    builder.texts(0x00181030, "Head", "Neck")
    builder.texts(0x00324000, "seen")
    builder.numbers(0x00280002, 3)
    reader = DataSetReader(EXPLICIT, indexing.tags_wanted | {0x00080005})
    reader.feed(encode_data_set(builder.data_set, EXPLICIT))
    return reader.finish()


def test_values_are_texts_by_their_vr():
    settings = ExtraAttributeSettings(
        study=("StudyComments",), series=("ProtocolName",), instance=("00280002",)
    )
    indexing = Indexing(settings.attributes())

    said = {one.tag: (one.level, one.values) for one in indexing.extras(header(indexing))}

    assert said == {
        0x00080201: (Level.STUDY, ("+0100",)),
        0x00104000: (Level.PATIENT, ("two\\words",)),
        0x00081050: (Level.SERIES, ("Müller^A", "Buc^B")),
        0x00181030: (Level.SERIES, ("Head", "Neck")),
        0x00324000: (Level.STUDY, ("seen",)),
        0x00280002: (Level.IMAGE, ("3",)),
    }


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("PatientName",), "in any case"),
        (("RequestAttributesSequence",), "VR is SQ"),
        (("PixelData",), "VR is O"),
        (('(0019,"X",01)',), "standard attribute"),
        (("RequestAttributesSequence.AccessionNumber",), "not within a sequence"),
        (("NoSuchThing",), "is no keyword"),
        (("StudyComments", "StudyComments"), "named twice"),
        (("PatientComments",), "in any case"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_reason(names, words):
    with pytest.raises(ValidationError, match=words):
        ExtraAttributeSettings(study=names)
