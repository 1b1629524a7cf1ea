import io
import struct

import pydicom
import pytest
from dicom_bytes import SOP_INSTANCE, explicit, implicit

from hilum.dicom.part10 import (
    META_BYTES_MAX,
    META_BYTES_USUAL,
    file_meta,
    guess_transfer_syntax,
    read_file_meta,
    sniff,
)
from hilum.dicom.syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from hilum.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.kernel.errors import CorruptPayload

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
META = file_meta(sop_class_uid=CT, sop_instance_uid="1.2.3", transfer_syntax_uid=EXPLICIT)
FULL = file_meta(
    sop_class_uid=CT,
    sop_instance_uid="1.2.3",
    transfer_syntax_uid=EXPLICIT,
    source_ae_title="CT1",
    sending_ae_title="CT2",
    receiving_ae_title="HILUM",
    private_creator_uid="1.2.3.4",
    private_information=b"odd",
)


def meta_of(data):
    return read_file_meta(io.BytesIO(data))


def test_pydicom_reads_what_we_write():
    data_set = pydicom.dcmread(io.BytesIO(FULL + SOP_INSTANCE))

    meta = data_set.file_meta
    assert data_set.preamble == bytes(128)
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.MediaStorageSOPClassUID == CT
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.TransferSyntaxUID == EXPLICIT
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert meta.SourceApplicationEntityTitle == "CT1"
    assert meta.SendingApplicationEntityTitle == "CT2"
    assert meta.ReceivingApplicationEntityTitle == "HILUM"
    assert meta.PrivateInformationCreatorUID == "1.2.3.4"
    assert meta.PrivateInformation == b"odd\0"
    assert meta.FileMetaInformationGroupLength == len(FULL) - 132 - 12
    assert data_set.SOPInstanceUID == "1.2.3"


def test_we_read_what_we_write():
    meta = meta_of(FULL + SOP_INSTANCE)

    assert meta.sop_class_uid == CT
    assert meta.sop_instance_uid == "1.2.3"
    assert meta.transfer_syntax_uid == EXPLICIT
    assert meta.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert meta.implementation_version_name == IMPLEMENTATION_VERSION_NAME
    assert meta.source_ae_title == "CT1"
    assert meta.sending_ae_title == "CT2"
    assert meta.receiving_ae_title == "HILUM"
    assert meta.private_creator_uid == "1.2.3.4"
    assert meta.private_information == b"odd\0"
    assert meta.data_set_offset == len(FULL)
    assert meta.tolerated == ()


def test_absent_attributes_are_not_written():
    meta = meta_of(META)

    assert b"AE" not in META
    assert meta.source_ae_title == ""
    assert meta.private_information == b""
    assert meta.data_set_offset == len(META)


def with_group_length(length):
    return META[:140] + struct.pack("<I", length) + META[144:]


IMPLICIT_META = bytes(128) + b"DICM" + implicit(0x00020010, EXPLICIT.encode() + b"\0")


@pytest.mark.parametrize(
    ("data", "offset", "tolerated"),
    [
        (with_group_length(0), len(META), "wrong group length"),
        (with_group_length(0xFFFFFFFF), len(META), "wrong group length"),
        (META[:132] + META[144:], len(META) - 12, "no group length"),
        (META[132:], len(META) - 132, "no preamble"),
        (IMPLICIT_META, len(IMPLICIT_META), "implicit meta information"),
    ],
)
def test_wrong_meta_information_is_read_as_far_as_it_goes(data, offset, tolerated):
    meta = meta_of(data + SOP_INSTANCE)

    assert meta.transfer_syntax_uid == EXPLICIT
    assert meta.data_set_offset == offset
    assert tolerated in meta.tolerated


def test_a_bare_data_set_has_no_meta_information():
    meta = meta_of(SOP_INSTANCE)

    assert meta.transfer_syntax_uid == ""
    assert meta.data_set_offset == 0
    assert meta.tolerated == ("no preamble", "no file meta information")


def test_the_prefix_may_be_part_of_a_value():
    bare = explicit(0x00080005, b"CS", b"x" * 112) + explicit(0x00081010, b"SH", b"DICMA1")
    assert bare[128:132] == b"DICM"

    assert meta_of(bare).data_set_offset == 0


def test_a_preamble_without_meta_information_is_stepped_over():
    meta = meta_of(bytes(128) + b"DICM" + SOP_INSTANCE)

    assert meta.data_set_offset == 132
    assert meta.tolerated == ("no file meta information",)


@pytest.mark.parametrize("length", [0, 140, 143, len(META) - 1, len(META) - 30])
def test_a_file_that_ends_in_its_meta_information_is_corrupt(length):
    with pytest.raises(CorruptPayload):
        meta_of(META[:length])


@pytest.mark.parametrize("size", range(META_BYTES_USUAL - 200, META_BYTES_USUAL + 40, 2))
def test_long_meta_information_is_read_to_its_end(size):
    data = file_meta(
        sop_class_uid=CT,
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=EXPLICIT,
        private_creator_uid="1.2.3.4",
        private_information=bytes(size - len(META)),
    )
    # Something that must not be missed when the first read ends just before it.
    data += explicit(0x00020104, b"LO", b"x" * 8)

    assert meta_of(data + SOP_INSTANCE).data_set_offset == len(data)


def test_meta_information_without_end_is_refused_and_not_read_to_it():
    stream = io.BytesIO(META + explicit(0x00020102, b"OB", b"", length=0xFFFFFFF0) + bytes(3 << 20))

    with pytest.raises(CorruptPayload):
        read_file_meta(stream)

    assert stream.tell() <= META_BYTES_MAX


@pytest.mark.parametrize(
    ("head", "worth"),
    [
        (META, True),
        (META[132:], True),
        (SOP_INSTANCE, True),
        (implicit(0x00080000, bytes(4)), True),
        (explicit(0x00080005, b"CS", order=">"), True),
        (b"", False),
        (b"DICM", False),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), False),
        (b"PK\x03\x04" + bytes(200), False),
        (b"%PDF-1.7\n" + bytes(200), False),
        (bytes(200), False),
        (b"\x08\0\x05\0\xff\xff\xff\xff", False),
        (b"<html><body>" + b" " * 200, False),
    ],
)
def test_files_are_told_from_others_by_their_first_bytes(head, worth):
    assert sniff(head[:132]) == worth


@pytest.mark.parametrize(
    ("head", "syntax"),
    [
        (implicit(0x00080000, bytes(4)), IMPLICIT_VR_LITTLE_ENDIAN),
        (SOP_INSTANCE, EXPLICIT_VR_LITTLE_ENDIAN),
        (explicit(0x00080005, b"CS", order=">"), EXPLICIT_VR_BIG_ENDIAN),
    ],
)
def test_the_syntax_of_a_bare_data_set_is_guessed(head, syntax):
    assert guess_transfer_syntax(head[:8]) == syntax
