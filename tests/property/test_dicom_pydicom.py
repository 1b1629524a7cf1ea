"""Whole files written by pydicom, in every syntax it can write, read by us."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from hilum.dicom.facts import facts_of
from hilum.dicom.part10 import read_file_meta
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax

SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
]

# Characters by the set that has them; \ ^ = and control characters have a meaning of their own.
ALPHABETS = {
    "ISO_IR 100": "ABCxyz 019äöüßéñ",
    "ISO_IR 101": "ABCxyz 019ąćęłńóśźż",
    "ISO_IR 144": "ABCxyz 019дёжзи",
    "ISO_IR 126": "ABCxyz 019βδζ",
    "ISO_IR 138": "ABCxyz 019אבגד",
    "ISO_IR 192": "ABCxyz 019äд한字😷",
    "GB18030": "ABCxyz 019小东俓",
}
UIDS = st.integers(1, 10**20).map(lambda number: f"1.2.{number}")
DATES = st.dates().map(lambda date: f"{date:%Y%m%d}").filter(lambda text: len(text) == 8)


@st.composite
def data_sets(draw):
    charset = draw(st.sampled_from(sorted(ALPHABETS)))
    texts = st.text(ALPHABETS[charset], max_size=16).map(str.strip)
    data_set = Dataset()
    data_set.SpecificCharacterSet = charset
    data_set.SOPClassUID = draw(UIDS)
    data_set.SOPInstanceUID = draw(UIDS)
    data_set.StudyDate = draw(DATES)
    data_set.PatientName = draw(texts)
    data_set.PatientID = draw(texts)
    data_set.StudyDescription = draw(texts)
    data_set.SeriesNumber = draw(st.integers(-999, 99999))
    data_set.Rows = draw(st.integers(0, 65535))
    data_set.ImageType = draw(
        st.lists(st.sampled_from(["ORIGINAL", "PRIMARY", "M"]), min_size=2, max_size=4)
    )
    data_set.RequestAttributesSequence = [
        draw(items(texts)) for _ in range(draw(st.integers(0, 3)))
    ]
    data_set["RequestAttributesSequence"].is_undefined_length = draw(st.booleans())
    private = data_set.private_block(0x0009, "HILUM TESTS", create=True)
    private.add_new(0x01, "OB", draw(st.binary(max_size=20)))
    private.add_new(0x02, "SQ", [draw(items(texts))])
    return data_set


@st.composite
def items(draw, texts):
    item = Dataset()
    item.PatientID = draw(texts)
    item.Rows = draw(st.integers(0, 65535))
    item.is_undefined_length_sequence_item = draw(st.booleans())
    return item


def written(data_set, syntax, pixels):
    """Write a file as pydicom does it."""
    if syntax.is_encapsulated:
        data_set.PixelData = encapsulate([pixels])
        data_set["PixelData"].is_undefined_length = True
    else:
        data_set.PixelData = pixels
    data_set["PixelData"].VR = "OB" if syntax.is_encapsulated else "OW"
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    data_set.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@given(
    data_set=data_sets(),
    pixels=st.binary(min_size=2, max_size=300).filter(lambda b: not len(b) & 1),
)
@settings(max_examples=30, deadline=None)
def test_facts_are_what_pydicom_wrote(syntax, data_set, pixels):
    content = written(data_set, syntax, pixels)
    meta = read_file_meta(io.BytesIO(content))
    reader = DataSetReader(transfer_syntax(meta.transfer_syntax_uid))

    reader.feed(content[meta.data_set_offset :])
    header = reader.finish()

    facts = facts_of(header)
    assert header.tolerated == {}
    assert meta.tolerated == ()
    assert meta.sop_instance_uid == facts.sop_instance_uid == data_set.SOPInstanceUID
    assert meta.transfer_syntax_uid == syntax
    assert facts.patient_name == str(data_set.PatientName)
    assert facts.patient_id == data_set.PatientID
    assert facts.study_description == data_set.StudyDescription
    assert facts.study_date == data_set.StudyDate
    assert facts.series_number == data_set.SeriesNumber
    assert facts.rows == data_set.Rows
    assert facts.image_type == "\\".join(data_set.ImageType)
