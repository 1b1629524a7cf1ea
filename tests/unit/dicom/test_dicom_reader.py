import tracemalloc
import zlib

import pytest
from dicom_bytes import (
    END_OF_ITEM,
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
    implicit,
    item,
)

from hilum.dicom import tags
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    transfer_syntax,
)
from hilum.kernel.errors import CorruptPayload

JPEG = transfer_syntax("1.2.840.10008.1.2.4.50")
HEAD = SOP_CLASS + SOP_INSTANCE
SEQUENCE = 0x00081140
PRIVATE = 0x00091001


def read(data_set, syntax=EXPLICIT_VR_LITTLE_ENDIAN, **limits):
    reader = DataSetReader(syntax, limits=ReaderLimits(**limits))
    reader.feed(data_set)
    return reader.finish()


def feed_by_octets(reader, data_set):
    for place in range(len(data_set)):
        reader.feed(data_set[place : place + 1])


def deflate(data_set):
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data_set) + stream.flush()


def test_wanted_values_are_kept_as_received():
    header = read(HEAD + MODALITY + PATIENT_ID + PIXELS)

    assert header.values == {
        tags.SOP_CLASS_UID: b"1.2.840.10008.5.1.4.1.1.2\0",
        tags.SOP_INSTANCE_UID: b"1.2.3\0",
        tags.MODALITY: b"CT",
        tags.PATIENT_ID: b"P1",
    }


def test_the_header_is_there_as_soon_as_pixels_are_reached():
    reader = DataSetReader(EXPLICIT_VR_LITTLE_ENDIAN)

    reader.feed(HEAD)
    before = reader.header
    reader.feed(PIXELS[:12])
    after = reader.header

    assert before is None
    assert after is not None
    assert after.uid(tags.SOP_INSTANCE_UID) == "1.2.3"


def test_attributes_behind_the_pixels_are_in_the_finished_header():
    header = read(HEAD + PIXELS + PATIENT_ID)

    assert header.text(tags.PATIENT_ID) == "P1"


ACCEPTED = {
    "no pixels": HEAD,
    "sequence of defined length": HEAD + explicit(SEQUENCE, b"SQ", item(OTHER_PATIENT_ID)),
    "empty sequence": HEAD + explicit(SEQUENCE, b"SQ"),
    "empty items": HEAD + explicit(SEQUENCE, b"SQ", item() + delimited_item() + item()),
    "empty delimited sequence": HEAD + delimited_sequence(SEQUENCE),
    "delimited inside of defined": HEAD
    + explicit(SEQUENCE, b"SQ", item(delimited_sequence(SEQUENCE, delimited_item(MODALITY)))),
    "group lengths": explicit(0x00080000, b"UL", b"\x10\0\0\0") + HEAD,
    "data set trailing padding": HEAD + PIXELS + explicit(0xFFFCFFFC, b"OB", bytes(100)),
    "private elements": HEAD + explicit(0x00090010, b"LO", b"US") + explicit(PRIVATE, b"UN", b"SQ"),
    "UN of defined length is opaque": HEAD + explicit(PRIVATE, b"UN", END_OF_SEQUENCE[:6]),
    "empty fragments": HEAD
    + delimited_sequence(tags.PIXEL_DATA, item() + item(b"\xff\xd8\xff\xd9") + item(), vr=b"OB"),
    "fragments that look like delimiters": HEAD
    + delimited_sequence(tags.PIXEL_DATA, item() + item(END_OF_SEQUENCE), vr=b"OB"),
    "encapsulated icon": HEAD
    + explicit(
        0x00880200,
        b"SQ",
        item(delimited_sequence(tags.PIXEL_DATA, item() + item(b"\xff\xd8"), vr=b"OB")),
    ),
    "encapsulated pixels as UN": HEAD
    + delimited_sequence(tags.PIXEL_DATA, item() + item(b"\xff\xd8\xff\xd9"), vr=b"UN"),
}


@pytest.mark.parametrize("data_set", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_right_encodings_pass_without_a_remark(data_set):
    header = read(data_set)

    assert header.uid(tags.SOP_INSTANCE_UID) == "1.2.3"
    assert header.text(tags.PATIENT_ID) == ""
    assert header.tolerated == {}


UN_SEQUENCE = (
    explicit(PRIVATE, b"UN", length=UNDEFINED)
    + item(implicit(0x00100020, b"P2") + implicit(SEQUENCE, item(implicit(0x00080060, b"MR"))))
    + END_OF_SEQUENCE
)

EXPLICIT_UN_SEQUENCE = (
    explicit(PRIVATE, b"UN", length=UNDEFINED)
    + item(PATIENT_ID)
    + delimited_item(PATIENT_ID + MODALITY)
    + END_OF_SEQUENCE
)

TOLERATED = {
    "explicit item in an implicit sequence": HEAD + EXPLICIT_UN_SEQUENCE + MODALITY,
    "odd length": HEAD + explicit(0x00081030, b"LO", b"abc") + PIXELS,
    "duplicate element": PATIENT_ID + HEAD + SOP_INSTANCE,
    "zeros behind the data set": HEAD + PIXELS + b"\0",
    "overlong value": HEAD + explicit(tags.PATIENT_NAME, b"PN", b"x" * 20000),
    "stray delimiter": HEAD + explicit(SEQUENCE, b"SQ", item(MODALITY) + END_OF_ITEM),
    "stray item": HEAD + item(OTHER_PATIENT_ID) + MODALITY,
    "missing delimiter": HEAD
    + explicit(SEQUENCE, b"SQ", item(MODALITY, length=UNDEFINED))
    + PATIENT_ID,
    "malformed VR": HEAD + explicit(0x00080050, b"??", b"abcd") + MODALITY,
    "unknown VR": HEAD + explicit(0x00080050, b"ZZ", b"abcd") + MODALITY,
    "short length for a long VR": HEAD + b"\x08\0\x50\0OB\x04\0abcd" + MODALITY,
    "reserved bytes not zero": HEAD + b"\x08\0\x50\0OB\x01\0\x04\0\0\0abcd" + MODALITY,
    "implicit element": HEAD + implicit(0x00080050, b"abcd") + MODALITY,
}


@pytest.mark.parametrize(("oddity", "data_set"), TOLERATED.items(), ids=TOLERATED.keys())
def test_odd_encodings_are_tolerated_and_counted(oddity, data_set):
    header = read(data_set)

    assert header.uid(tags.SOP_INSTANCE_UID) == "1.2.3"
    assert list(header.tolerated) == [oddity]


@pytest.mark.parametrize(
    "data_set", [*ACCEPTED.values(), *TOLERATED.values()], ids=[*ACCEPTED, *TOLERATED]
)
def test_no_cut_changes_what_is_read(data_set):
    whole = read(data_set)

    for place in range(0, len(data_set), 1 + len(data_set) // 500):
        reader = DataSetReader(EXPLICIT_VR_LITTLE_ENDIAN)
        reader.feed(data_set[:place])
        reader.feed(data_set[place:])
        header = reader.finish()
        assert (header.values, header.tolerated) == (whole.values, whole.tolerated), place


@pytest.mark.parametrize("vr", [b"cs", b"  ", b"1A", b"--"])
def test_a_vr_that_is_none_is_read_with_a_short_length(vr):
    header = read(HEAD + explicit(0x00080050, vr, b"abcd") + MODALITY + PATIENT_ID)

    assert header.text(tags.PATIENT_ID) == "P1"


def test_a_vr_of_the_future_has_a_long_length():
    """PS3.5 §7.1.2 promises it; the reserved bytes are what tells."""
    future = explicit(0x00080050, b"OB", b"abcd").replace(b"OB", b"OZ")

    header = read(HEAD + future + MODALITY)

    assert header.text(tags.MODALITY) == "CT"


def test_a_vr_of_the_future_may_have_a_value_too_long_to_look_behind():
    future = explicit(0x00080050, b"OB", bytes(5000)).replace(b"OB", b"OZ")

    header = read(HEAD + future + MODALITY)

    assert header.text(tags.MODALITY) == "CT"


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_an_item_is_one_even_when_its_length_reads_like_a_vr(chunk_bytes):
    reader = DataSetReader(EXPLICIT_VR_LITTLE_ENDIAN)
    data_set = HEAD + item(bytes(0x424F)) + MODALITY  # the letters OB

    for start in range(0, len(data_set), chunk_bytes):
        reader.feed(data_set[start : start + chunk_bytes])

    assert reader.finish().tolerated == {"stray item": 1, "odd length": 1}


def test_what_follows_an_odd_element_must_have_a_higher_tag():
    """Read with 32 bits of length, this one would end before something that looks like a header."""
    odd = b"\x08\0\x50\0OB\x04\0" + b"\x0c\0\0\0"
    lower = explicit(0x00080060, b"CS", b"abcd" + explicit(0x00020010, b"UI"))

    header = read(HEAD + odd + lower)

    assert header.text(tags.MODALITY).startswith("abcd")


def test_values_inside_of_items_are_not_taken_for_those_of_the_data_set():
    stray = item(OTHER_PATIENT_ID, length=UNDEFINED) + END_OF_ITEM
    nested = explicit(SEQUENCE, b"SQ", item(OTHER_PATIENT_ID))

    header = read(HEAD + nested + UN_SEQUENCE + stray + MODALITY)

    assert tags.PATIENT_ID not in header.values


def test_the_last_of_several_values_counts_as_it_does_for_pydicom():
    header = read(PATIENT_ID + HEAD + OTHER_PATIENT_ID)

    assert header.text(tags.PATIENT_ID) == "P2"


def test_unknown_vr_of_undefined_length_is_implicit_little_endian_inside():
    """PS3.5 §6.2.2, CP-246; whatever is outside."""
    big = explicit(PRIVATE, b"UN", length=UNDEFINED, order=">") + UN_SEQUENCE[12:]

    header = read(big + explicit(0x00100020, b"LO", b"P1", order=">"), EXPLICIT_VR_BIG_ENDIAN)

    assert header.text(tags.PATIENT_ID) == "P1"
    assert header.tolerated == {}


def test_explicit_items_in_an_unknown_sequence_are_found():
    header = read(HEAD + EXPLICIT_UN_SEQUENCE + MODALITY)

    assert header.tolerated == {"explicit item in an implicit sequence": 2}


def test_implicit_items_in_an_explicit_sequence_are_found():
    # The length of the second element looks like a VR to who does not know: 0x4853 is "SH".
    body = implicit(0x00081030, b"ab") + implicit(0x00081040, bytes(0x4853))
    nested = explicit(SEQUENCE, b"SQ", item(body))

    header = read(HEAD + nested + PATIENT_ID)

    assert header.text(tags.PATIENT_ID) == "P1"
    assert header.tolerated["implicit data set in an explicit syntax"] == 1


@pytest.mark.parametrize(
    ("syntax", "data_set"),
    [
        (EXPLICIT_VR_LITTLE_ENDIAN, implicit(0x00080018, b"1.2.3\0") + implicit(0x00080060, b"CT")),
        (IMPLICIT_VR_LITTLE_ENDIAN, SOP_INSTANCE + MODALITY),
    ],
    ids=["implicit labelled explicit", "explicit labelled implicit"],
)
def test_data_sets_under_the_wrong_label_are_read(syntax, data_set):
    header = read(data_set, syntax)

    assert header.text(tags.MODALITY) == "CT"
    assert len(header.tolerated) == 1


def test_implicit_sequences_of_defined_length_are_walked_by_the_dictionary():
    broken = implicit(SEQUENCE, item(implicit(0x00080060, b"CT", length=50)))

    with pytest.raises(CorruptPayload, match="longer than an item"):
        read(implicit(0x00080018, b"1.2.3\0") + broken, IMPLICIT_VR_LITTLE_ENDIAN)


def nested_sequences(depth):
    return (explicit(SEQUENCE, b"SQ", length=UNDEFINED) + item(length=UNDEFINED)) * depth + (
        END_OF_ITEM + END_OF_SEQUENCE
    ) * depth


def nested_defined_sequences(depth):
    body = MODALITY
    for _ in range(depth):
        body = explicit(SEQUENCE, b"SQ", item(body))
    return body


CORRUPT = {
    "empty": b"",
    "half a header": HEAD[:3],
    "cut header": HEAD + MODALITY[:7],
    "cut long header": HEAD + PIXELS[:11],
    "cut value": HEAD + MODALITY[:-1],
    "cut pixels": HEAD + PIXELS[:-1],
    "4 GB with 1 KB behind it": HEAD
    + explicit(tags.PIXEL_DATA, b"OW", bytes(1000), length=0xFFFFFFFE),
    "sequence without end": HEAD + explicit(SEQUENCE, b"SQ", item(MODALITY), length=UNDEFINED),
    "item without end": HEAD + explicit(SEQUENCE, b"SQ", item(length=UNDEFINED), length=UNDEFINED),
    "cut between items of defined length": HEAD
    + explicit(SEQUENCE, b"SQ", item(MODALITY), length=100),
    "pixels without end": HEAD + delimited_sequence(tags.PIXEL_DATA, item(), vr=b"OB")[:-8],
    "element longer than its item": HEAD
    + explicit(SEQUENCE, b"SQ", item(explicit(0x00080060, b"CS", b"CT", length=4)))
    + PIXELS,
    "item longer than its sequence": HEAD
    + explicit(SEQUENCE, b"SQ", item(MODALITY, length=12))
    + PIXELS,
    "sequence longer than its item": HEAD
    + explicit(SEQUENCE, b"SQ", item(explicit(SEQUENCE, b"SQ", item(), length=20)))
    + PIXELS,
    "element between items": HEAD + delimited_sequence(SEQUENCE, MODALITY),
    "element in a sequence of defined length": HEAD + explicit(SEQUENCE, b"SQ", MODALITY),
    "element between fragments": HEAD + delimited_sequence(tags.PIXEL_DATA, MODALITY, vr=b"OB"),
    "65 levels": HEAD + nested_sequences(65),
    "65 levels of defined length": HEAD + nested_defined_sequences(65),
    "20,000 levels": HEAD + nested_sequences(20_000),
}


@pytest.mark.parametrize("data_set", CORRUPT.values(), ids=CORRUPT.keys())
def test_what_is_not_a_whole_data_set_is_refused(data_set):
    with pytest.raises(CorruptPayload):
        read(data_set)


@pytest.mark.parametrize(
    "too_long",
    [
        explicit(0x00081030, b"LO", length=60000),
        explicit(0x00420011, b"OB", length=60000),
        explicit(SEQUENCE, b"SQ", length=60000),
        explicit(SEQUENCE, b"SQ", item(length=60000)),
    ],
)
def test_what_is_longer_than_its_item_is_refused_before_it_has_come(too_long):
    nested = explicit(SEQUENCE, b"SQ", item(MODALITY + too_long + bytes(40)))

    with pytest.raises(CorruptPayload, match="longer than"):
        feed_by_octets(DataSetReader(EXPLICIT_VR_LITTLE_ENDIAN), HEAD + nested)


def test_a_fragment_has_a_length_of_its_own():
    """PS3.5 §A.4: an undefined one is not taken for a value of 4 GiB."""
    pixels = delimited_sequence(tags.PIXEL_DATA, delimited_item(), vr=b"OB")

    with pytest.raises(CorruptPayload, match="no fragment"):
        read(HEAD + pixels, JPEG)


def test_64_levels_pass():
    header = read(nested_sequences(64) + nested_defined_sequences(64) + PATIENT_ID)

    assert header.text(tags.PATIENT_ID) == "P1"


def test_no_length_that_a_peer_claims_is_allocated():
    claims = [
        explicit(tag, vr, length=0xFFFFFFF0) + bytes(1000)
        for tag, vr in ((tags.PIXEL_DATA, b"OW"), (tags.PATIENT_NAME, b"UT"), (PRIVATE, b"OB"))
    ]

    tracemalloc.start()
    for claim in claims:
        reader = DataSetReader(EXPLICIT_VR_LITTLE_ENDIAN)
        reader.feed(claim)
        with pytest.raises(CorruptPayload):
            reader.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1 << 20


def test_too_many_elements_are_refused():
    with pytest.raises(CorruptPayload, match="more than 100 elements"):
        read(MODALITY * 101, elements_max=100)


def test_too_many_fragments_are_refused():
    pixels = delimited_sequence(tags.PIXEL_DATA, item() * 101, vr=b"OB")

    with pytest.raises(CorruptPayload, match="more than 100 elements"):
        read(pixels, JPEG, elements_max=100)


def test_too_many_malformed_headers_are_refused():
    odd = b"".join(explicit(0x00090000 + n, b"??", b"ab") for n in range(11))

    with pytest.raises(CorruptPayload, match="more than 10 element headers are malformed"):
        read(odd, malformed_max=10)


def test_values_larger_than_a_window_are_kept_up_to_the_limit():
    value = b"x" * 30000

    header = read(
        HEAD + explicit(tags.PATIENT_NAME, b"PN", value) + MODALITY, value_bytes_max=30000
    )

    assert header.values[tags.PATIENT_NAME] == value
    assert header.text(tags.MODALITY) == "CT"


def test_deflated_data_sets_are_inflated_while_they_arrive():
    stream = deflate(HEAD + PATIENT_ID + explicit(tags.PIXEL_DATA, b"OW", bytes(3_000_000)))
    reader = DataSetReader(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)

    for start in range(0, len(stream), 100):
        reader.feed(stream[start : start + 100])
    header = reader.finish()

    assert header.text(tags.PATIENT_ID) == "P1"


def test_deflated_data_sets_may_end_just_behind_a_piece():
    """When a piece is full, zlib may still hold some of the last input's output."""
    for size in range(65_300, 65_700, 4):
        stream = deflate(HEAD + explicit(tags.PIXEL_DATA, b"OW", bytes(size)))

        assert read(stream, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN).values


@pytest.mark.parametrize(
    ("trailer", "tolerated"),
    [(b"\0", {}), (bytes(8), {"bytes behind the deflated data set": 1})],
    ids=["padding", "gzip trailer"],
)
def test_bytes_behind_a_deflated_data_set_are_left_alone(trailer, tolerated):
    header = read(deflate(HEAD) + trailer, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)

    assert header.tolerated == tolerated


@pytest.mark.parametrize(
    "stream",
    [b"", deflate(HEAD)[:-1], deflate(HEAD[:-1]), HEAD, deflate(b"")],
    ids=["nothing", "cut stream", "cut data set", "not deflated", "deflated nothing"],
)
def test_broken_deflated_data_sets_are_refused(stream):
    with pytest.raises(CorruptPayload):
        read(stream, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


def test_a_deflate_bomb_is_stopped_at_its_ratio_and_never_held():
    stream = zlib.compressobj(9, wbits=-15)
    bomb = stream.compress(HEAD + explicit(tags.PIXEL_DATA, b"OW", length=100 << 20))
    bomb += b"".join(stream.compress(bytes(1 << 20)) for _ in range(8)) + stream.flush()
    reader = DataSetReader(
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, limits=ReaderLimits(inflated_floor_bytes=4 << 20)
    )

    tracemalloc.start()
    with pytest.raises(CorruptPayload, match="more than any real data set does"):
        reader.feed(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1 << 20


def test_empty_images_may_be_deflated_better_than_the_ratio_up_to_the_floor():
    stream = deflate(HEAD + explicit(tags.PIXEL_DATA, b"OW", bytes(2 << 20)))

    assert len(stream) * 200 < 2 << 20
    assert read(stream, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN).uid(tags.SOP_INSTANCE_UID) == "1.2.3"


def test_the_absolute_limit_of_inflated_bytes_holds_whatever_the_ratio():
    stream = deflate(HEAD + PIXELS)

    with pytest.raises(CorruptPayload):
        read(stream, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, inflated_bytes_max=len(HEAD))


def test_a_private_syntax_is_read_by_what_is_in_it():
    """GE's 1.2.840.113619.5.2 is implicit, with big endian pixels."""
    header = read(implicit(0x00080018, b"1.2.3\0"), transfer_syntax("1.2.840.113619.5.2"))

    assert header.uid(tags.SOP_INSTANCE_UID) == "1.2.3"


def test_messages_name_the_place_and_no_value():
    broken = explicit(SEQUENCE, b"SQ", item(PATIENT_ID, length=9)) + PIXELS

    with pytest.raises(CorruptPayload) as caught:
        read(HEAD + broken)

    assert "of the data set" in str(caught.value)
    assert "P1" not in str(caught.value)
