"""Reading a payload back: only what is whole, and exactly the bytes that came."""

import os
from pathlib import Path

import pytest

from hilum.dicom.part10 import file_meta
from hilum.kernel.errors import CorruptPayload
from hilum.vault.disk import SystemDisk
from hilum.vault.hashing import Digest
from hilum.vault.seal import BLANK, SEAL_CREATOR_UID, Seal
from hilum.vault.vault import Vault

PATH = "instances/2026/11/21/1.2/1.2.3/1.2.3.4-abc.dcm"
RECEIVED_AT = "2026-11-21T03:04:05+00:00"


@pytest.fixture
def vault(tmp_path):
    made = Vault(tmp_path, SystemDisk(), synced=False)
    made.open()
    yield made
    made.close()


def meta(seal: bytes = BLANK, *, creator: str = SEAL_CREATOR_UID, title: str = "CT1") -> bytes:
    return file_meta(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sending_ae_title=title,
        receiving_ae_title="HILUM",
        private_creator_uid=creator,
        private_information=seal,
    )


def placed(vault: Vault, payload: bytes, *, title: str = "CT1") -> Path:
    draft = vault.begin(meta(title=title))
    draft.hold([memoryview(payload)])
    digest = Digest(payload).hexdigest()
    draft.complete(
        Seal(digest, len(payload), RECEIVED_AT, title, "HILUM", "ct1", "::1", "HILUM", "a-1")
    )
    assert vault.place([(draft, PATH)]).failures == [None]
    return vault.root / PATH


def read(vault: Vault, *, step: int = 4096) -> bytes:
    payload = vault.open_payload(PATH)
    buffer = memoryview(bytearray(step))
    pieces = []
    while got := payload.read_into(buffer):
        pieces.append(bytes(buffer[:got]))
    payload.close()
    return b"".join(pieces)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("size", [0, 1, 100, 5000, 500_000])
@pytest.mark.parametrize("title", ["A", "SIXTEEN_CHARS_AE"])
def test_the_data_set_is_given_as_it_was_received(vault, size, title):
    sent = os.urandom(size)
    placed(vault, sent, title=title)

    assert read(vault) == sent
    assert vault.open_payload(PATH).size == size


def test_reading_goes_on_where_it_stopped_and_ends_with_0(vault):
    placed(vault, b"abcdef")
    payload = vault.open_payload(PATH)
    buffer = memoryview(bytearray(4))

    got = [payload.read_into(buffer) for _ in range(4)]

    assert got == [4, 2, 0, 0]
    payload.close()
    payload.close()


@pytest.mark.parametrize("change", [-1, 1, -10_000])
def test_a_file_of_another_length_is_not_opened(vault, change):
    file = placed(vault, os.urandom(20_000))
    os.truncate(file, file.stat().st_size + change)

    with pytest.raises(CorruptPayload, match="were sealed"):
        vault.open_payload(PATH)


@pytest.mark.parametrize("length", [0, 100, 132, 141, 144, 600, 1000])
def test_a_file_cut_inside_its_meta_is_not_opened(vault, length):
    os.truncate(placed(vault, os.urandom(20_000)), length)

    with pytest.raises(CorruptPayload, match="no seal"):
        vault.open_payload(PATH)


def test_a_file_whose_seal_is_blank_is_not_opened(vault):
    file = placed(vault, b"abc")
    file.write_bytes(meta() + b"abc")

    with pytest.raises(CorruptPayload, match="never finished"):
        vault.open_payload(PATH)


def test_a_file_with_private_information_of_somebody_else_is_not_opened(vault):
    file = placed(vault, b"abc")
    file.write_bytes(meta(creator=SEAL_CREATOR_UID[:-1] + "2") + b"abc")

    with pytest.raises(CorruptPayload, match="no seal of this gateway"):
        vault.open_payload(PATH)


def test_a_file_that_shrinks_while_it_is_read_is_said_to_be_cut(vault):
    file = placed(vault, os.urandom(10_000))
    payload = vault.open_payload(PATH)
    os.truncate(file, 200)

    with pytest.raises(CorruptPayload, match="ends before"):
        payload.read_into(memoryview(bytearray(100)))
    payload.close()


def test_a_refused_file_leaves_no_descriptor_open(vault):
    file = placed(vault, b"abc")
    file.write_bytes(b"abc")
    before = open_files()

    for _ in range(3):
        with pytest.raises(CorruptPayload):
            vault.open_payload(PATH)

    assert open_files() == before


def test_it_is_read_anywhere_while_it_is_read_in_order(vault):
    content = os.urandom(10_000)
    placed(vault, content)
    payload = vault.open_payload(PATH)
    buffer = memoryview(bytearray(3000))

    payload.read_into(buffer[:100])
    middle = bytes(buffer[: payload.read_at(buffer, 5000)])
    last = bytes(buffer[: payload.read_at(buffer, 9000)])
    behind = payload.read_at(buffer, 10_000)
    following = bytes(buffer[: payload.read_into(buffer[:50])])
    payload.close()

    assert middle == content[5000:8000]
    assert last == content[9000:]
    assert behind == 0
    assert following == content[100:150]


def test_a_payload_says_where_it_lies(vault):
    placed(vault, b"0123456789")
    payload = vault.open_payload(PATH)

    descriptor, position = payload.lies_at(2, 8)

    assert os.pread(descriptor, 8, position) == b"23456789"
    with pytest.raises(CorruptPayload):
        payload.lies_at(2, 9)
    payload.close()
