import io

import pydicom
import pytest

from hilum.testing.datasets import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    MR,
    instance,
    uid,
    write_part10,
)


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN])
@pytest.mark.parametrize("pixel_bytes", [2, 8192, 524_288, 131_070])
def test_another_library_reads_what_was_generated(tmp_path, syntax, pixel_bytes):
    generated = instance(seed=7, study=2, series=1, syntax=syntax, pixel_bytes=pixel_bytes)
    write_part10(tmp_path / "1", generated)

    read = pydicom.dcmread(tmp_path / "1")

    assert read.file_meta.TransferSyntaxUID == syntax
    assert read.SOPInstanceUID == generated.sop_instance_uid
    assert read.StudyInstanceUID == generated.study_instance_uid
    assert read.SeriesInstanceUID == generated.series_instance_uid
    assert (read.Modality, read.InstanceNumber, read.PatientID) == ("CT", 8, "GEN00000002")
    assert len(read.PixelData) == read.Rows * read.Columns * 2 == pixel_bytes


def test_writing_it_again_with_another_library_gives_the_same_bytes():
    generated = instance(seed=1)
    read = pydicom.dcmread(io.BytesIO(generated.data_set), force=True)
    again = io.BytesIO()

    read.save_as(again, implicit_vr=False, little_endian=True)

    assert again.getvalue() == generated.data_set


def test_the_same_numbers_give_the_same_bytes_and_other_numbers_other_uids():
    assert instance(seed=1) == instance(seed=1)
    several = [
        instance(seed=1, study=study, series=series) for study in (0, 1) for series in (0, 1)
    ]
    assert len({each.sop_instance_uid for each in several}) == 4
    assert len({each.series_instance_uid for each in several}) == 4
    assert len({each.study_instance_uid for each in several}) == 2


def test_the_modality_follows_the_class():
    assert b"MR" in instance(seed=1, sop_class=MR).data_set


@pytest.mark.parametrize("pixel_bytes", [0, 3, 2 * 65537])
def test_a_size_that_no_image_has_is_refused(pixel_bytes):
    with pytest.raises(ValueError, match="no 16-bit image"):
        instance(seed=1, pixel_bytes=pixel_bytes)


def test_other_syntaxes_are_refused():
    with pytest.raises(ValueError, match="explicit or implicit"):
        instance(seed=1, syntax=uid("x"))
