from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hilum.destinations.folder.file_names import NAME_BYTES_MAX, name, part_of_name
from hilum.destinations.folder.settings import FolderDestinationSettings
from hilum.destinations.folder.template import read_template
from hilum.dicom.dictionary import tag_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def path(pattern, **values):
    template = read_template(pattern)
    return template.path({tag_of(keyword): value for keyword, value in values.items()}, NOW)


def test_fields_become_values():
    pattern = "{PatientID}/{Modality}-{SeriesNumber:03}/{SOPInstanceUID}.dcm"

    given_path = path(
        pattern, PatientID="P1", Modality="CT", SeriesNumber="7", SOPInstanceUID="1.2"
    )
    assert given_path == "P1/CT-007/1.2.dcm"


@pytest.mark.parametrize(
    ("value", "written"),
    [("20240229", "2024/02/29"), ("2024.02.29", "2024/02/29"), ("around 1990", "around 1990")],
)
def test_dates_have_formats_and_what_is_none_stays_as_it_is(value, written):
    pattern = "{StudyDate:%Y/%m/%d}/{SOPInstanceUID}"

    assert path(pattern, StudyDate=value, SOPInstanceUID="1.2") == f"{written}/1.2"


def test_the_day_of_delivery_can_be_part_of_it():
    assert path("{delivered:%Y-%m}/{SOPInstanceUID}", SOPInstanceUID="1.2") == "2026-03/1.2"


def test_what_is_not_known_is_none():
    assert path("{PatientID}/{SOPInstanceUID}.dcm", SOPInstanceUID="1.2") == "none/1.2.dcm"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("..", "__"),
        (".", "_"),
        ("/", "_"),
        (".hidden", "_hidden"),
        ("a\\b", "a_b"),
        ("a\0b\x1b[2J", "ab[2J"),
        ("CON", "_CON"),
        ("com1.txt", "_com1.txt"),
        ("ends.", "ends_"),
        ("  ", "none"),
        ("what?*", "what__"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("Mu\u0308ller", "M\u00fcller"),
    ],
)
def test_a_value_never_leaves_its_folder_nor_hides(value, written):
    assert path("{PatientID}/{SOPInstanceUID}", PatientID=value, SOPInstanceUID="1").split("/") == [
        written,
        "1",
    ]


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_text_makes_a_name_that_is_none(one, other):
    made = name(f"{part_of_name(one)}-{part_of_name(other)}"), name(part_of_name(one))

    for each in made:
        assert each
        assert "/" not in each
        assert "\0" not in each
        assert not each.startswith(".")
        assert not each.endswith((".", " "))
        assert len(each.encode()) <= NAME_BYTES_MAX


def test_long_values_are_cut_and_stay_different_and_keep_their_suffix():
    one, other = (name("x" * 500 + end + ".dcm") for end in "ab")

    assert one != other
    assert one.endswith(".dcm")
    assert len(one) <= NAME_BYTES_MAX


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{PatientID}.dcm", "SOPInstanceUID} must be in it"),
        ("/abs/{SOPInstanceUID}", "starts below the folder"),
        ("a\\{SOPInstanceUID}", "starts below the folder"),
        ("../{SOPInstanceUID}", "only dots"),
        ("a//{SOPInstanceUID}", "empty"),
        ("{PatientIdd}/{SOPInstanceUID}", "did you mean {PatientID}"),
        ("{PixelData}/{SOPInstanceUID}", "no text that could be a name"),
        ("{PatientID:%Y}/{SOPInstanceUID}", "can have a format"),
        ("{StudyDate:x}/{SOPInstanceUID}", "can have a format"),
        ("{PatientID/{SOPInstanceUID}", "brace"),
        ("{TransferSyntaxUID}/{SOPInstanceUID}", "no text that could be a name"),
        ("a:b/{SOPInstanceUID}", "not every file system"),
        ("/".join(["a"] * 20) + "/{SOPInstanceUID}", "names deep"),
    ],
)
def test_a_pattern_that_makes_no_sense_says_why(pattern, said):
    with pytest.raises(ValidationError) as caught:
        FolderDestinationSettings.model_validate(
            {"type": "folder", "path": "/srv/x", "template": pattern}
        )

    assert said in str(caught.value)
