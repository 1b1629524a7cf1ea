"""What a file says that it is, when it says so twice: the data set counts, however it is found."""

import pytest

from hilum.dicom import opening
from hilum.dicom.opening import FileOpener
from hilum.dicom.part10 import file_meta
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from hilum.kernel.errors import CorruptPayload

CLASS, OTHER_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
INSTANCE, OTHER = "1.2.3.4.5", "1.2.3.4.5.6"
DIRECTORY = "1.2.840.10008.1.3.10"
SYNTAXES = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]


def element(number, uid, *, explicit):
    value = uid.encode() + b"\0" * (len(uid) & 1)
    length = len(value)
    header = b"UI" + length.to_bytes(2, "little") if explicit else length.to_bytes(4, "little")
    return b"\x08\0" + number.to_bytes(2, "little") + header + value


def file(syntax, *, sop_class=CLASS, instance=INSTANCE, meta_class=CLASS, meta_instance=INSTANCE):
    head = file_meta(
        sop_class_uid=meta_class, sop_instance_uid=meta_instance, transfer_syntax_uid=syntax.uid
    )
    explicit = syntax.explicit
    return (
        head
        + element(0x16, sop_class, explicit=explicit)
        + element(0x18, instance, explicit=explicit)
        + b"\x09\0\x10\0"
        + (b"LO" if explicit else b"")
        + (b"\x04\0" if explicit else b"\x04\0\0\0")
        + b"ABCD"
    )


def opened(content):
    opener = FileOpener()
    return opener.feed(memoryview(content)) or opener.finish()


def test_what_stands_where_it_mostly_stands_is_not_walked_for(monkeypatch):
    monkeypatch.setattr(opening, "_met", None)

    found = opened(file(EXPLICIT_VR_LITTLE_ENDIAN))

    assert (found.sop_class_uid, found.sop_instance_uid) == (CLASS, INSTANCE)
    assert b"".join(found.pieces).startswith(b"\x08\0\x16\0")


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "said", [{"meta_instance": OTHER}, {"meta_class": OTHER_CLASS}, {"meta_instance": ""}]
)
def test_where_they_differ_the_data_set_counts(syntax, said):
    found = opened(file(syntax, **said))

    assert (found.sop_class_uid, found.sop_instance_uid) == (CLASS, INSTANCE)


def test_a_directory_is_no_instance_though_both_say_so():
    directory = file(EXPLICIT_VR_LITTLE_ENDIAN, sop_class=DIRECTORY, meta_class=DIRECTORY)

    with pytest.raises(CorruptPayload, match="DICOMDIR"):
        opened(directory)
