"""The tree of elements: what is in it, what is not, and what is refused."""

import struct

import pytest
from dicom_bytes import (
    END_OF_ITEM,
    END_OF_SEQUENCE,
    MODALITY,
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

from hilum.dicom.attribute_path import AttributePath, NoSuchAttribute
from hilum.dicom.bulk import Bulk
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.parser import CutShort, read_data_set, read_header
from hilum.dicom.person_name import PersonName
from hilum.dicom.syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from hilum.kernel.errors import CorruptPayload

REQUEST = 0x00400275
STEP_ID = 0x00400009


def tree(data, syntax=EXPLICIT_VR_LITTLE_ENDIAN, **options):
    return read_data_set(data, syntax, **options)


def test_values_are_texts_numbers_and_uids():
    data_set = tree(
        SOP_INSTANCE
        + explicit(0x00080008, b"CS", b"ORIGINAL\\PRIMARY ")
        + explicit(0x00180050, b"DS", b"+1.50 \\2\\x")
        + explicit(0x00200013, b"IS", b"12")
        + explicit(0x00280009, b"AT", b"\x18\0\x63\x10")
        + explicit(0x00280010, b"US", struct.pack("<HH", 512, 7))
    )

    assert data_set.uid(0x00080018) == "1.2.3"
    assert data_set.texts(0x00080008) == ["ORIGINAL", "PRIMARY"]
    assert data_set.texts(0x00180050) == ["+1.50", "2", "x"]
    assert data_set.numbers(0x00180050) == [1.5, 2]
    assert data_set.integer(0x00200013) == 12
    assert data_set.tags(0x00280009) == [0x00181063]
    assert data_set.numbers(0x00280010) == [512, 7]
    assert data_set.integer(0x00280010) == 512
    assert data_set.texts(0x00100010) == []


def test_a_single_text_keeps_its_backslashes_and_leading_spaces():
    data_set = tree(explicit(0x00104000, b"LT", b"  a\\b  "))

    assert data_set.texts(0x00104000) == ["  a\\b"]


def test_a_name_has_three_groups_each_in_its_script():
    name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
    data_set = tree(
        explicit(0x00080005, b"CS", b"\\ISO 2022 IR 87 ") + explicit(0x00100010, b"PN", name)
    )

    assert data_set.names(0x00100010) == [PersonName("Yamada^Tarou", "山田^太郎", "やまだ^たろう")]
    assert data_set.names(0x00100010)[0].text == "Yamada^Tarou=山田^太郎=やまだ^たろう"


def test_an_item_inherits_the_character_set_until_it_has_its_own():
    inherited = item(explicit(0x00081030, b"LO", "дом ".encode("iso8859_5")))
    own = item(
        explicit(0x00080005, b"CS", b"ISO_IR 192") + explicit(0x00081030, b"LO", "дом".encode())
    )
    data_set = tree(
        explicit(0x00080005, b"CS", b"ISO_IR 144") + explicit(REQUEST, b"SQ", inherited + own)
    )

    assert [inner.text(0x00081030) for inner in data_set.items(REQUEST)] == ["дом", "дом"]


def test_a_sequence_that_says_unknown_is_implicit_inside_whatever_is_outside():
    inside = implicit(0xFFFEE000, length=UNDEFINED) + implicit(STEP_ID, b"S1") + END_OF_ITEM
    outside = explicit(REQUEST, b"UN", length=UNDEFINED, order=">")
    data = outside + inside + END_OF_SEQUENCE

    data_set = tree(data, EXPLICIT_VR_BIG_ENDIAN)

    assert data_set.values_at("RequestAttributesSequence.ScheduledProcedureStepID") == ["S1"]
    assert data_set.vr(REQUEST) == "SQ"


def test_a_public_attribute_that_says_unknown_is_what_the_dictionary_says():
    data_set = tree(
        explicit(0x00100010, b"UN", b"A^B ")
        + explicit(REQUEST, b"UN", item(implicit(STEP_ID, b"S1")))
        + explicit(0x00400555, b"UN", b"these are no items")
        + explicit(0x00091001, b"UN", b"?!")
    )

    assert data_set.vr(0x00100010) == "PN"
    assert data_set.items(REQUEST)[0].text(STEP_ID) == "S1"
    assert data_set.vr(0x00400555) == "UN"
    assert data_set.vr(0x00091001) == "UN"


@pytest.mark.parametrize(("signed", "vr", "value"), [(b"\0\0", "US", 65535), (b"\1\0", "SS", -1)])
def test_pixel_representation_decides_about_signs_also_in_items(signed, vr, value):
    inner = item(implicit(0x00409211, b"\xff\xff") + implicit(0x00409216, b"\0\0"))
    data_set = tree(
        implicit(0x00280103, signed)
        + implicit(0x00280120, b"\xff\xff")
        + implicit(0x00409096, inner),
        IMPLICIT_VR_LITTLE_ENDIAN,
    )

    assert (data_set.vr(0x00280120), data_set.integer(0x00280120)) == (vr, value)
    item_of_map = data_set.items(0x00409096)[0]
    assert (item_of_map.vr(0x00409211), item_of_map.integer(0x00409211)) == (vr, value)


def test_a_lookup_table_of_one_entry_is_a_number():
    def vr_with(entries):
        lut = implicit(0x00283002, struct.pack("<HHH", entries, 0, 16)) + implicit(
            0x00283006, b"12"
        )
        return tree(lut, IMPLICIT_VR_LITTLE_ENDIAN).vr(0x00283006)

    assert [vr_with(1), vr_with(2)] == ["US", "OW"]


def test_a_header_ends_with_the_pixels_however_little_of_them_is_there():
    data = SOP_CLASS + PATIENT_ID + PIXELS

    data_set = read_header(data[:-60], EXPLICIT_VR_LITTLE_ENDIAN)

    pixels_at = len(data) - 64
    assert data_set.elements[0x7FE00010] == ("OW", Bulk(pixels_at, 64))
    assert data_set.text(0x00100020) == "P1"


@pytest.mark.parametrize("cut", [4, 10, 30, 40, 49])
def test_a_header_that_is_cut_asks_for_more(cut):
    data = SOP_CLASS + explicit(REQUEST, b"SQ", item(explicit(STEP_ID, b"SH", b"S1"))) + PIXELS

    with pytest.raises(CutShort):
        read_header(data[:cut], EXPLICIT_VR_LITTLE_ENDIAN)


def test_long_values_and_pixels_stay_in_the_payload():
    data = SOP_CLASS + explicit(0x00420011, b"OB", bytes(100)) + PIXELS

    data_set = tree(data, bulk_bytes_min=100)

    bulk = data_set.elements[0x00420011][1]
    assert isinstance(bulk, Bulk)
    assert bulk.of(data) == bytes(100)
    assert isinstance(data_set.elements[0x7FE00010][1], Bulk)


def test_what_stands_behind_encapsulated_pixels_is_read():
    pixels = explicit(0x7FE00010, b"OB", item() + item(b"\xff\xd8"), length=UNDEFINED)
    data_set = tree(pixels + END_OF_SEQUENCE + explicit(0xFFFCFFFC, b"OB", b"\0\0"))

    assert data_set.elements[0x7FE00010] == ("OB", Bulk(12, None))
    assert data_set.raw(0xFFFCFFFC) == b"\0\0"


def test_oddities_are_tolerated_and_named():
    data = (
        MODALITY
        + explicit(REQUEST, b"SQ", item(b"") + END_OF_SEQUENCE)
        + explicit(0x00400555, b"cs", b"x ")
        + END_OF_ITEM
        + explicit(0x00400555, b"LO", b"y")
    )

    assert tree(data).tolerated == {
        "stray delimiter": 2,
        "malformed VR": 1,
        "duplicate element": 1,
        "odd length": 1,
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MODALITY[:-1],
        explicit(REQUEST, b"SQ", item(PATIENT_ID, length=40)),
        explicit(REQUEST, b"SQ", PATIENT_ID),
        delimited_sequence(REQUEST, delimited_item(PATIENT_ID))[:-8],
        explicit(0x7FE00010, b"OB", PATIENT_ID, length=UNDEFINED),
    ],
)
def test_what_is_no_data_set_is_refused(data):
    with pytest.raises(CorruptPayload):
        tree(data)


def test_depth_and_number_of_elements_are_bounded():
    deep = item(b"")
    for _ in range(70):
        deep = item(explicit(REQUEST, b"SQ", deep))

    with pytest.raises(CorruptPayload, match="nested"):
        tree(explicit(REQUEST, b"SQ", deep))
    with pytest.raises(CorruptPayload, match="more than 5 elements"):
        tree(MODALITY + explicit(REQUEST, b"SQ", item() * 6), limits=ReaderLimits(elements_max=5))


def test_a_private_attribute_is_found_through_its_creator():
    data_set = tree(
        explicit(0x00190010, b"LO", b"OTHER ")
        + explicit(0x00190011, b"LO", b"SIEMENS MR HEADER ")
        + explicit(0x0019100A, b"IS", b"1 ")
        + explicit(0x0019110A, b"IS", b"36")
    )

    assert data_set.values_at('(0019,"SIEMENS MR HEADER",0a)') == ["36"]
    assert data_set.values_at('(0019,"ABSENT",0a)') == []
    assert data_set.creator_of(0x0019110A) == "SIEMENS MR HEADER"
    assert data_set.has('(0019,"OTHER",0a)')


def test_a_path_gives_the_values_of_every_item():
    steps = item(explicit(STEP_ID, b"SH", b"S1")) + item(explicit(STEP_ID, b"SH", b"S2\\S3 "))
    data_set = tree(MODALITY + explicit(REQUEST, b"SQ", steps))

    assert data_set.values_at("00400275.ScheduledProcedureStepID") == ["S1", "S2", "S3"]
    assert data_set.values_at("(0008,0060)") == ["CT"]
    assert data_set.has("RequestAttributesSequence")
    assert not data_set.has("RequestAttributesSequence.StudyInstanceUID")


@pytest.mark.parametrize("text", ["", "PatientNam", "Modality.", '(0010,"X",01)', "a" * 200, "12"])
def test_what_names_no_attribute_is_refused(text):
    with pytest.raises(NoSuchAttribute):
        AttributePath.parse(text)
