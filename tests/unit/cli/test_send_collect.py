import struct
import zipfile
from pathlib import Path

import pytest

from hilum.cli.sending import archive
from hilum.cli.sending.collect import Collector
from hilum.cli.sending.inspection import WINDOW_BYTES
from hilum.cli.sending.item import BadFile, Item, Origin, Skipped
from hilum.cli.sending.payload import Payloads, Unreadable
from hilum.dicom.part10 import file_meta
from hilum.testing.datasets import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    instance,
    write_part10,
)

LARGE = 40 * WINDOW_BYTES
JPEG_LS = "1.2.840.10008.1.2.4.80"


def part10(generated, syntax=None, data_set=None):
    return file_meta(
        sop_class_uid=generated.sop_class_uid,
        sop_instance_uid=generated.sop_instance_uid,
        transfer_syntax_uid=syntax or generated.transfer_syntax_uid,
    ) + (generated.data_set if data_set is None else data_set)


def collected(*paths, damaged=False):
    return list(Collector(takes_damaged=damaged).collect([str(path) for path in paths]))


def content(item):
    with Payloads(chunk_bytes=10_000) as payloads:
        return b"".join(payloads.chunks(item))


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN])
@pytest.mark.parametrize("size", [2, 8192, LARGE])
def test_an_instance_is_found_with_its_names_and_exactly_its_data_set(tmp_path, syntax, size):
    generated = instance(seed=1, syntax=syntax, pixel_bytes=size)
    write_part10(tmp_path / "1", generated)

    (item,) = collected(tmp_path)

    assert item.sop_class_uid == generated.sop_class_uid
    assert item.sop_instance_uid == generated.sop_instance_uid
    assert item.transfer_syntax_uid == syntax
    assert content(item) == generated.data_set


def test_a_data_set_without_preamble_and_meta_information_is_sent_in_the_syntax_it_is_in(tmp_path):
    generated = instance(seed=1, syntax=IMPLICIT_VR_LITTLE_ENDIAN)
    (tmp_path / "1").write_bytes(generated.data_set)

    (item,) = collected(tmp_path / "1")

    assert item.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
    assert item.sop_instance_uid == generated.sop_instance_uid
    assert content(item) == generated.data_set


def test_the_data_set_knows_its_names_better_than_the_meta_information(tmp_path):
    generated, other = instance(seed=1), instance(seed=2)
    (tmp_path / "1").write_bytes(part10(other, data_set=generated.data_set))

    (item,) = collected(tmp_path)

    assert item.sop_instance_uid == generated.sop_instance_uid


@pytest.mark.parametrize("size", [8192, LARGE])
def test_a_file_that_was_cut_short_is_listed_unless_damaged_ones_are_wanted(tmp_path, size):
    generated = instance(seed=1, pixel_bytes=size)
    path = tmp_path / "1"
    path.write_bytes(part10(generated)[:-100])

    (bad,) = collected(tmp_path)
    (item,) = collected(tmp_path, damaged=True)

    assert isinstance(bad, BadFile)
    assert "100 before the end of an element" in bad.reason
    assert item.sop_instance_uid == generated.sop_instance_uid
    assert content(item) == generated.data_set[:-100]


def test_what_is_no_dicom_is_skipped_in_folders_and_bad_when_named(tmp_path):
    (tmp_path / "README").write_text("hello " * 100)

    assert collected(tmp_path) == [Skipped(Origin(str(tmp_path / "README")), "not DICOM")]
    assert collected(tmp_path / "README") == [
        BadFile(Origin(str(tmp_path / "README")), "not DICOM")
    ]


def test_an_empty_file_is_bad_wherever_it_is(tmp_path):
    (tmp_path / "1.dcm").touch()

    assert collected(tmp_path) == [BadFile(Origin(str(tmp_path / "1.dcm")), "empty")]


def test_a_file_without_names_is_bad(tmp_path):
    element = struct.pack("<HH2sH", 0x0008, 0x0060, b"CS", 2) + b"CT"
    (tmp_path / "1").write_bytes(
        file_meta(sop_class_uid="", sop_instance_uid="", transfer_syntax_uid="1.2.840.10008.1.2.1")
        + element
    )

    (bad,) = collected(tmp_path)

    assert bad.reason == "no valid SOP Class UID and SOP Instance UID"


def test_a_file_that_may_not_be_read_is_bad_and_the_others_go_on(tmp_path):
    write_part10(tmp_path / "1", instance(seed=1))
    write_part10(tmp_path / "2", instance(seed=2))
    real = Path(tmp_path / "1")
    real.unlink()
    real.symlink_to(tmp_path / "gone")

    bad, item = collected(tmp_path)

    assert bad == BadFile(Origin(str(real)), "cannot be read: No such file or directory")
    assert isinstance(item, Item)


def test_a_named_pipe_does_not_hold_us(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")

    (found,) = collected(tmp_path)

    assert not isinstance(found, Item)


def make_zip(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as made:
        for name, data in members.items():
            made.writestr(name, data)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_zip_is_sent_member_by_member_byte_for_byte(tmp_path, method):
    several = [instance(seed=number, pixel_bytes=LARGE) for number in range(3)]
    members = {f"study/{number}": part10(each) for number, each in enumerate(several)}
    make_zip(tmp_path / "a.zip", {"README": b"hello", "study/": b"", **members}, compression=method)

    skipped, *items = collected(tmp_path / "a.zip")

    assert skipped == Skipped(Origin(str(tmp_path / "a.zip"), "README"), "not DICOM")
    assert [content(item) for item in items] == [each.data_set for each in several]


def test_a_zip_met_in_a_folder_is_opened_too(tmp_path):
    make_zip(tmp_path / "export", {"1": part10(instance(seed=1))})

    (item,) = collected(tmp_path)

    assert item.origin.member == "1"


def test_a_zip_in_a_zip_is_not_opened(tmp_path):
    make_zip(tmp_path / "inner", {"1": part10(instance(seed=1))})
    make_zip(tmp_path / "outer", {"inner": (tmp_path / "inner").read_bytes()})

    assert collected(tmp_path / "outer") == [
        Skipped(Origin(str(tmp_path / "outer"), "inner"), "not DICOM")
    ]


def test_a_member_whose_bytes_are_damaged_is_noticed_before_its_last_byte(tmp_path):
    generated = instance(seed=1, pixel_bytes=LARGE)
    make_zip(tmp_path / "a.zip", {"1": part10(generated)})
    spoiled = bytearray((tmp_path / "a.zip").read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    (tmp_path / "a.zip").write_bytes(spoiled)
    (item,) = collected(tmp_path / "a.zip")

    seen = []
    with Payloads(chunk_bytes=10_000) as payloads, pytest.raises(Unreadable, match="CRC"):
        seen.extend(payloads.chunks(item))

    assert sum(map(len, seen)) < item.length


def test_a_zip_that_is_cut_short_is_bad(tmp_path):
    make_zip(tmp_path / "a.zip", {"1": part10(instance(seed=1))})
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:-50])

    (bad,) = collected(tmp_path / "a.zip")

    assert bad.reason == "cannot be read: File is not a zip file"


def objection(tmp_path, *, size=10**9, **fields):
    make_zip(tmp_path / "a.zip", {"1": b"x" * 1000})
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        for name, value in fields.items():
            setattr(opened.infolist()[0], name, value)
        (found,) = archive.members(opened, path="a.zip", size=size)
    return found.reason if isinstance(found, BadFile) else None


def test_bombs_and_what_cannot_be_unpacked_are_refused_before_the_first_byte(tmp_path):
    assert objection(tmp_path) is None
    assert "a zip bomb" in objection(tmp_path, file_size=10**12)
    assert "encrypted" in objection(tmp_path, flag_bits=1)
    assert "method 9" in objection(tmp_path, compress_type=9)
    assert "overlap" in objection(tmp_path, size=999)


def test_a_dicomdir_that_is_named_means_the_files_it_names(tmp_path):
    folder = tmp_path / "cd"
    (folder / "im").mkdir(parents=True)
    write_part10(folder / "im" / "1", instance(seed=1))
    write_part10(folder / "im" / "2", instance(seed=2))

    def record(name):
        file_id = struct.pack("<HH2sH", 0x0004, 0x1500, b"CS", 4 + len(name) - 1) + b"IM\\" + name
        return struct.pack("<HHI", 0xFFFE, 0xE000, len(file_id)) + file_id

    records = record(b"1") + record(b"3")
    (folder / "DICOMDIR").write_bytes(
        file_meta(
            sop_class_uid="1.2.840.10008.1.3.10",
            sop_instance_uid="1.2.3",
            transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
        )
        + struct.pack("<HH2sHI", 0x0004, 0x1220, b"SQ", 0, len(records))
        + records
    )

    named = collected(folder / "DICOMDIR")
    walked = collected(folder)

    assert named[0].origin == Origin(str(folder / "im" / "1"))
    assert named[1] == BadFile(Origin(str(folder / "IM" / "3")), "missing; the DICOMDIR names it")
    assert walked[0] == Skipped(Origin(str(folder / "DICOMDIR")), "DICOMDIR")
    assert len(walked) == 3


def test_a_file_that_changed_after_it_was_looked_at_is_not_sent(tmp_path):
    write_part10(tmp_path / "1", instance(seed=1))
    (item,) = collected(tmp_path)
    write_part10(tmp_path / "1", instance(seed=2, pixel_bytes=2))

    with Payloads() as payloads, pytest.raises(Unreadable, match="changed since"):
        next(payloads.chunks(item))
