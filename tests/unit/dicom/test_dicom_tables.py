import subprocess
import sys

import pydicom.datadict
import pydicom.uid
import pytest

from hilum.dicom import tags
from hilum.dicom.dictionary import entry, sequence_tags, tag_of, value_representations
from hilum.dicom.encoding import LONG_VRS, SHORT_VRS
from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION, sop_class_name
from hilum.dicom.syntaxes import (
    ALL_TRANSFER_SYNTAXES,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    transfer_syntax,
)
from hilum.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.kernel.names import is_uid

# Attributes that PS3.6 2026c has otherwise than the edition pydicom was made from.
CHANGED_SINCE_PYDICOM = 10


def test_syntaxes_say_how_to_read_them():
    assert not IMPLICIT_VR_LITTLE_ENDIAN.explicit
    assert EXPLICIT_VR_LITTLE_ENDIAN.explicit
    assert EXPLICIT_VR_LITTLE_ENDIAN.little_endian
    assert not EXPLICIT_VR_LITTLE_ENDIAN.encapsulated
    assert not EXPLICIT_VR_BIG_ENDIAN.little_endian
    assert EXPLICIT_VR_BIG_ENDIAN.retired
    assert DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN.deflated
    assert transfer_syntax("1.2.840.10008.1.2.4.50").encapsulated


def test_syntaxes_agree_with_pydicom():
    for uid, syntax in ALL_TRANSFER_SYNTAXES.items():
        theirs = pydicom.uid.UID(uid)
        # pydicom has no word for pixels that are elsewhere (PS3.5 §A.6, §A.7).
        is_referenced = "JPIP" in syntax.name
        if theirs.is_private or not theirs.is_transfer_syntax:
            continue
        assert syntax.explicit == (not theirs.is_implicit_VR), uid
        assert syntax.little_endian == theirs.is_little_endian, uid
        assert is_referenced or syntax.deflated == theirs.is_deflated, uid
        assert is_referenced or syntax.encapsulated == theirs.is_encapsulated, uid


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"])
def test_referenced_pixel_data_may_come_in_a_deflated_data_set(uid):
    assert transfer_syntax(uid).deflated


@pytest.mark.parametrize(
    "uid",
    [
        "1.2.840.10008.1.2.6.1",
        "1.2.840.10008.1.2.6.2",
        "1.2.840.10008.1.2.7.1",
        "1.2.840.10008.1.20",
    ],
)
def test_what_cannot_be_a_data_set_is_not_in_the_table(uid):
    assert uid not in ALL_TRANSFER_SYNTAXES


def test_an_unknown_syntax_is_taken_as_encapsulated_explicit_little_endian():
    syntax = transfer_syntax("1.2.3.4")

    assert syntax.uid == "1.2.3.4"
    assert not syntax.known
    assert (syntax.explicit, syntax.little_endian, syntax.encapsulated) == (True, True, True)
    assert not syntax.deflated


def test_storage_classes_have_retired_and_new_ones():
    assert len(STORAGE_SOP_CLASSES) == 214
    assert STORAGE_SOP_CLASSES["1.2.840.10008.5.1.4.1.1.2"] == "CT Image Storage"
    assert "1.2.840.10008.5.1.1.27" in STORAGE_SOP_CLASSES  # Stored Print, retired
    assert VERIFICATION not in STORAGE_SOP_CLASSES


def test_sop_classes_have_names():
    assert sop_class_name(VERIFICATION) == "Verification SOP Class"
    assert sop_class_name("1.2.840.10008.5.1.4.31") == "Modality Worklist Information Model - FIND"
    assert sop_class_name("1.2.3.4") == "1.2.3.4"


def test_the_implementation_has_a_valid_identity():
    assert IMPLEMENTATION_CLASS_UID == "2.25.189371538312974838592744041217219385603"
    assert is_uid(IMPLEMENTATION_CLASS_UID)
    assert len(IMPLEMENTATION_VERSION_NAME) <= 16  # PS3.7 §D.3.3.2.3


def test_the_dictionary_agrees_with_pydicom_but_for_what_changed():
    other = [
        tag
        for tag, (vr, vm, *_, keyword) in pydicom.datadict.DicomDictionary.items()
        if tag > 0xFFFF  # command elements are in PS3.7
        and ((found := entry(tag)) is None or (found.vr, found.keyword) != (vr, keyword))
    ]

    assert len(other) <= CHANGED_SINCE_PYDICOM


def test_keywords_lead_to_tags():
    assert tag_of("PatientID") == tags.PATIENT_ID
    assert tag_of("NoSuchKeyword") is None


def test_constants_are_named_like_the_dictionary_names_them():
    for name, tag in vars(tags).items():
        if isinstance(tag, int):
            found = entry(tag)
            assert found is not None
            assert found.keyword.upper() == name.replace("_", "")


@pytest.mark.parametrize(
    ("tag", "keyword"),
    [
        (0x60003000, "OverlayData"),
        (0x60FE3000, "OverlayData"),
        (0x50083000, "CurveData"),
        (0x00203105, "SourceImageIDs"),
        (0x10101234, "ZonalMap"),
        (0x00100000, "GroupLength"),
    ],
)
def test_repeating_groups_are_found(tag, keyword):
    found = entry(tag)

    assert found is not None
    assert found.keyword == keyword


@pytest.mark.parametrize("tag", [0x00091001, 0x60013000, 0x00080003])
def test_private_and_unassigned_attributes_are_not_found(tag):
    assert entry(tag) is None


def test_sequences_are_known_by_their_tag():
    assert 0x00081140 in sequence_tags()
    assert tags.PATIENT_ID not in sequence_tags()


def test_the_hot_sets_of_vrs_are_those_of_the_table():
    table = value_representations()

    assert {code.encode() for code, vr in table.items() if vr.long} == LONG_VRS
    assert {code.encode() for code, vr in table.items() if not vr.long} == SHORT_VRS
    assert table["UI"].padding == b"\0"
    assert table["LO"].padding == b" "
    assert table["US"].padding == b""
    assert table["PN"].charset
    assert not table["LT"].multiple


def test_the_hot_path_imports_neither_pydicom_nor_the_dictionary():
    script = (
        "import hilum.dicom.reader, hilum.dicom.facts, hilum.dicom.part10\n"
        "import hilum.dicom.sop_classes, hilum.dicom.charsets\n"
        "import sys; from hilum.dicom.dictionary import _load\n"
        "assert 'pydicom' not in sys.modules and _load.cache_info().currsize == 0"
    )

    subprocess.run([sys.executable, "-c", script], check=True)
