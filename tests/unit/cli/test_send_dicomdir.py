import struct

import pytest

from hilum.cli.sending.dicomdir import Medium, referenced_files
from hilum.kernel.errors import CorruptPayload

UNDEFINED = 0xFFFFFFFF


def short(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def record(file_id: bytes, *, in_use: bytes = b"\xff\xff", nested: bytes = b"") -> bytes:
    return (
        struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
        + short(0x00041410, b"US", in_use)
        + nested
        + short(0x00041500, b"CS", file_id)
        + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    )


def directory(*records: bytes) -> bytes:
    return (
        struct.pack("<HH2sHI", 0x0004, 0x1220, b"SQ", 0, UNDEFINED)
        + b"".join(records)
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    )


def test_every_record_in_use_names_its_file():
    data = directory(record(b"A\\IM1 "), record(b"A\\IM2 ", in_use=b"\0\0"), record(b"B\\C\\IM3"))

    assert list(referenced_files(data, explicit=True)) == [("A", "IM1"), ("B", "C", "IM3")]


def test_an_icon_inside_of_a_record_is_stepped_through():
    icon = (
        struct.pack("<HH2sHI", 0x0088, 0x0200, b"SQ", 0, UNDEFINED)
        + struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
        + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 4)
        + b"\x04\x00\x00\x15"
        + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    )

    assert list(referenced_files(directory(record(b"IM", nested=icon)), explicit=True)) == [("IM",)]


def test_implicit_directories_are_read_too():
    item = struct.pack("<HHI", 0x0004, 0x1500, 4) + b"A\\B "
    data = (
        struct.pack("<HHI", 0x0004, 0x1220, 8 + len(item))
        + struct.pack("<HHI", 0xFFFE, 0xE000, len(item))
        + item
    )

    assert list(referenced_files(data, explicit=False)) == [("A", "B")]


def test_a_directory_that_ends_inside_a_value_is_corrupt():
    with pytest.raises(CorruptPayload, match=r"\(0004,1500\)"):
        list(referenced_files(directory(record(b"ABCDEFGH"))[:-18], explicit=True))


@pytest.fixture
def medium(tmp_path):
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "im1;1").write_bytes(b"x")
    (tmp_path.parent / "secret").write_bytes(b"x")
    return Medium(tmp_path)


def test_names_are_found_in_lower_case_and_with_their_iso_version(medium, tmp_path):
    assert medium.find(("DICOM", "IM1")) == tmp_path / "dicom" / "im1;1"


@pytest.mark.parametrize(
    "components",
    [
        ("..", "secret"), ("DICOM",), ("DICOM", "IM2"), ("/etc/passwd",), ("",), (),
        ("DICOM", "a\0b"), ("DICOM",) * 17,
    ],
)  # fmt: skip
def test_a_file_id_that_is_missing_or_leads_elsewhere_finds_nothing(medium, components):
    assert medium.find(components) is None
