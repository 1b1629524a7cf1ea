"""The vault: nothing visible before it is whole, nothing lost to a disk that lies."""

import ctypes
import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from xxhash import xxh3_128

from hilum.kernel.syncing import Synced
from hilum.vault import writing_out
from hilum.vault.disk import SystemDisk
from hilum.vault.inventory import drop_drafts, payload_files, set_aside
from hilum.vault.layout import day_of, path_of
from hilum.vault.seal import BLANK, SEAL_BYTES, Seal, decode, encode
from hilum.vault.vault import Vault

HEAD = b"head" + BLANK
NOW = datetime(2026, 11, 21, 3, 4, 5, tzinfo=UTC)
PATH = "instances/2026/11/21/1.2/1.2.3/1.2.3.4-abc.dcm"


def seal(payload: bytes) -> Seal:
    digest = xxh3_128(payload).hexdigest()
    return Seal(digest, len(payload), NOW.isoformat(), "CT1", "HILUM", "ct1", "::1", "HILUM", "a-1")


class Disk(SystemDisk):
    """A real disk with one fault: the named method fails. It cannot have a journal."""

    def __init__(self, fault: str = "", number: int = errno.EIO) -> None:
        self.fault = fault
        self.number = number
        self.calls: list[str] = []

    def _act(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fault:
            raise OSError(self.number, os.strerror(self.number))

    def can_sync_all(self, _descriptor: int) -> bool:
        return False

    def sync(self, descriptor: int) -> None:
        self._act("sync")
        super().sync(descriptor)

    def begin_syncs(self, files, folders=()):
        try:
            for _ in files:
                self._act("sync")
            for _ in folders:
                self._act("sync_directory")
        except OSError as error:
            return Synced(error)
        return Synced()

    def hasten(self, descriptor: int) -> None:
        self._act("hasten")
        super().hasten(descriptor)

    def rename(self, source, target) -> None:
        self._act("rename")
        super().rename(source, target)

    def sync_directory(self, path) -> None:
        self._act("sync_directory")
        super().sync_directory(path)


def vault(root: Path, disk: Disk | None = None, *, synced: bool = True) -> Vault:
    made = Vault(root, disk or Disk(), synced=synced)
    made.open()
    return made


def completed(made: Vault, payload: bytes, *, runs: int = 0):
    draft = made.begin(HEAD)
    step = max(1, len(payload) // (runs + 1))
    for index in range(runs):
        draft.write([memoryview(payload)[index * step : (index + 1) * step]])
    digest = draft.hold([memoryview(payload)[runs * step :]])
    assert digest == xxh3_128(payload).hexdigest()
    draft.complete(seal(payload))
    return draft


@pytest.mark.parametrize("runs", [0, 1, 3])
def test_a_placed_payload_has_head_seal_and_bytes_however_it_was_written(tmp_path, runs):
    made = vault(tmp_path)
    payload = os.urandom(10_000)

    failures = made.place([(completed(made, payload, runs=runs), PATH)]).failures

    raw = (tmp_path / PATH).read_bytes()
    assert failures == [None]
    assert raw[:4] == b"head"
    assert decode(raw[4 : 4 + SEAL_BYTES]) == seal(payload)
    assert raw[4 + SEAL_BYTES :] == payload


def test_nothing_is_visible_before_place(tmp_path):
    made = vault(tmp_path)
    completed(made, b"x" * 1000, runs=2)

    assert list(payload_files(tmp_path)) == []


def test_files_and_folders_are_synced_after_they_have_their_names(tmp_path):
    disk = Disk()
    made = vault(tmp_path, disk)
    draft = completed(made, b"payload")
    disk.calls.clear()

    made.place([(draft, PATH)]).confirm()

    # the series folder, and every folder above it, because all of them are new
    assert disk.calls == ["rename", "sync"] + ["sync_directory"] * 7


@pytest.mark.parametrize(
    ("synced", "runs", "size", "expected"),
    [
        (True, 1, 1000, ["hasten"]),
        (True, 0, 1000, []),  # in memory: it has the journal
        (False, 1, 1000, []),
        (True, 1, 2 * 1024 * 1024 + 1, []),  # the loop would be kept by it
    ],
)
def test_a_completed_file_begins_its_way_to_the_device(tmp_path, synced, runs, size, expected):
    disk = Disk()
    made = vault(tmp_path, disk, synced=synced)
    draft = completed(made, bytes(size), runs=runs)
    disk.calls.clear()

    made.hasten(draft)

    assert disk.calls == expected


def test_bytes_that_fail_on_their_way_are_told_and_other_obstacles_are_none(tmp_path, monkeypatch):
    """After such a failure a sync may succeed: the kernel has dropped what it could not write."""
    file = SystemDisk().create(tmp_path / "file")
    os.write(file, b"bytes")
    SystemDisk().hasten(file)

    def fail(*_):
        ctypes.set_errno(number)
        return -1

    for number in (errno.ENOSYS, errno.EPERM):  # noqa: B007 - `fail` uses it
        monkeypatch.setattr(writing_out, "_call", fail)
        SystemDisk().hasten(file)
    for number in (errno.ENOSPC, errno.EIO):
        with pytest.raises(OSError, match=os.strerror(number)):
            SystemDisk().hasten(file)
    monkeypatch.setattr(writing_out, "_call", None)
    SystemDisk().hasten(file)
    os.close(file)


def test_folders_whose_sync_failed_are_synced_again(tmp_path):
    disk = Disk()
    made = vault(tmp_path, disk)
    disk.fault = "sync_directory"
    with pytest.raises(OSError, match="Input/output"):
        made.place([(completed(made, b"one"), PATH)]).confirm()
    disk.fault = ""
    disk.calls.clear()

    made.place([(completed(made, b"two"), PATH)]).confirm()

    assert disk.calls.count("sync_directory") == 7


def test_the_kernel_syncs_beside_us_what_is_closed_already(tmp_path):
    disk = SystemDisk()
    if (bell := disk.sync_beside()) is None:
        pytest.skip("this kernel has no asynchronous syncs")
    made = Vault(tmp_path, disk, synced=True)
    made.open()

    placement = made.place([(completed(made, b"payload", runs=1), PATH)])
    placement.confirm()
    placement.confirm()

    assert all(one.is_over for one in placement.syncings)
    bell.hush()
    made.close()


def test_a_descriptor_that_cannot_be_synced_is_told(tmp_path):
    disk = SystemDisk()
    disk.sync_beside()
    reading, writing = os.pipe()
    file = disk.create(tmp_path / "file")

    syncing = disk.begin_syncs([file, writing])

    assert syncing.wait() is not None
    for descriptor in (reading, writing, file):
        os.close(descriptor)


def test_an_unsynced_vault_does_not_sync(tmp_path):
    disk = Disk()
    made = vault(tmp_path, disk, synced=False)
    disk.calls.clear()

    made.place([(completed(made, b"payload"), PATH)])

    assert disk.calls == ["rename"]


@pytest.mark.parametrize("fault", ["sync", "sync_directory"])
def test_a_payload_that_may_not_survive_is_not_confirmed(tmp_path, fault):
    disk = Disk()
    made = vault(tmp_path, disk)
    disk.fault = fault
    placement = made.place([(completed(made, b"payload"), PATH)])

    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            placement.confirm()


def test_a_payload_that_gets_no_name_is_reported_and_gone(tmp_path):
    disk = Disk()
    made = vault(tmp_path, disk)
    disk.fault = "rename"
    draft = completed(made, b"payload")

    failures = made.place([(draft, PATH)]).failures

    assert [failure.errno for failure in failures] == [errno.EIO]
    assert list(payload_files(tmp_path)) == []
    assert not Path(draft.path).exists()


def test_one_bad_payload_does_not_take_the_others_with_it(tmp_path):
    disk = Disk()
    made = vault(tmp_path, disk, synced=False)
    good, bad = completed(made, b"good"), completed(made, b"bad")
    bad.close()
    Path(bad.path).unlink()

    failures = made.place([(good, PATH), (bad, "instances/2026/11/21/1.2/1.2.3/bad.dcm")]).failures

    assert failures[0] is None
    assert failures[1] is not None
    assert (tmp_path / PATH).exists()


def test_a_folder_that_was_removed_meanwhile_is_made_again(tmp_path):
    made = vault(tmp_path)
    made.place([(completed(made, b"one"), PATH)])
    (tmp_path / PATH).unlink()
    (tmp_path / PATH).parent.rmdir()

    assert made.place([(completed(made, b"two"), PATH)]).failures == [None]
    assert (tmp_path / PATH).exists()


def test_a_short_write_is_continued(tmp_path, monkeypatch):
    real = os.writev
    monkeypatch.setattr(
        os, "writev", lambda fd, pieces: real(fd, [memoryview(b"".join(pieces))[:100]])
    )
    made = vault(tmp_path)
    payload = os.urandom(5000)

    made.place([(completed(made, payload, runs=2), PATH)])

    assert (tmp_path / PATH).read_bytes()[-5000:] == payload


def test_a_discarded_draft_leaves_nothing(tmp_path):
    made = vault(tmp_path)
    draft = made.begin(HEAD)
    draft.write([b"some"])

    draft.discard()

    assert drop_drafts(tmp_path) == 0


def test_leftover_drafts_are_dropped_and_counted(tmp_path):
    made = vault(tmp_path)
    for _ in range(3):
        made.begin(HEAD).write([b"half"])

    assert drop_drafts(tmp_path) == 3
    assert list((tmp_path / "incoming").iterdir()) == []


def test_quarantine_keeps_the_bytes_and_the_reason(tmp_path):
    made = vault(tmp_path)
    draft = made.begin(HEAD)
    draft.write([b"broken"])

    path = made.quarantine(draft, "the stream ended inside an element", now=NOW)

    assert path is not None
    assert (tmp_path / path).read_bytes().endswith(b"broken")
    assert "inside an element" in (tmp_path / path).with_suffix(".json").read_text()


def test_quarantine_has_a_ceiling(tmp_path, monkeypatch):
    monkeypatch.setattr("hilum.vault.vault.QUARANTINE_BYTES_MAX", 10)
    made = vault(tmp_path)
    draft = made.begin(HEAD)
    draft.write([b"x" * 11])

    assert made.quarantine(draft, "broken", now=NOW) is None
    assert not Path(draft.path).exists()


def test_set_aside_never_overwrites(tmp_path):
    made = vault(tmp_path)
    for _ in range(2):
        made.place([(completed(made, b"p"), PATH)])
        set_aside(tmp_path, PATH)

    assert len(list((tmp_path / "quarantine").glob("*.dcm"))) == 2


@pytest.mark.parametrize(
    "uid", ["../../etc", "/abs", "..", "", "1.2/3", "1.2\n3", "a" * 65, "1" * 65]
)
def test_no_text_of_a_peer_becomes_a_path(uid):
    path = path_of(
        day=day_of(NOW), study=uid, series=uid, instance=uid, digest_hex="ab" * 32, serial="s1"
    )

    assert path == "instances/2026/11/21/unfiled/unfiled/unfiled-abababab-s1.dcm"


def test_a_seal_of_long_texts_still_fits():
    long = Seal("d" * 64, 1, NOW.isoformat(), "é" * 500, "x" * 500, "p" * 500, "h", "e", "a" * 500)

    assert len(encode(long)) == SEAL_BYTES
    assert decode(encode(long)) is not None


def test_a_blank_seal_is_none():
    assert decode(BLANK) is None
