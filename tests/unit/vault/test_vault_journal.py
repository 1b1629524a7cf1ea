"""The journal: one sync for a group, and every file back after a power cut at any moment."""

import errno
import os
from pathlib import Path

import pytest

from hilum.kernel.syncing import Synced
from hilum.vault import journal as journal_module
from hilum.vault.disk import SystemDisk
from hilum.vault.hashing import Digest
from hilum.vault.inventory import payload_files
from hilum.vault.journal import journals
from hilum.vault.journal_records import Whole, decode, encode
from hilum.vault.replay import replay
from hilum.vault.seal import BLANK, Seal
from hilum.vault.vault import Vault

HEAD = b"head" + BLANK
RECEIVED_AT = "2026-11-21T03:04:05+00:00"


class Disk(SystemDisk):
    """A disk that can have a journal wherever it is, and says what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fault = ""

    def _act(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fault:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def can_sync_all(self, _descriptor: int) -> bool:
        return True

    def sync(self, descriptor: int) -> None:
        self._act("sync")
        super().sync(descriptor)

    def sync_directory(self, path) -> None:
        self._act("sync_directory")
        super().sync_directory(path)

    def begin_syncs(self, files, folders=()):
        try:
            for _ in files:
                self._act("sync")
            for _ in folders:
                self._act("sync_directory")
        except OSError as error:
            return Synced(error)
        return Synced()

    def sync_all(self, _descriptor: int) -> None:
        self._act("sync_all")

    def write_all_at(self, descriptor: int, pieces, *, offset: int) -> int:
        self._act("write_all_at")
        return super().write_all_at(descriptor, pieces, offset=offset)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def vault(tmp_path, disk):
    made = Vault(tmp_path / "vault", disk, synced=True)
    made.open()
    disk.calls.clear()
    yield made
    made.close()


def path(number: int) -> str:
    return f"instances/2026/11/21/1.2/1.2.3/{number}.dcm"


def place(vault: Vault, *payloads: bytes, first: int = 0, runs: int = 0):
    drafts = []
    for number, payload in enumerate(payloads, first):
        draft = vault.begin(HEAD)
        if runs:
            draft.write([payload[:10]])
        draft.hold([payload[10:]] if runs else [payload])
        digest = Digest(payload).hexdigest()
        names = ("CT1", "HILUM", "ct1", "::1", "HILUM", "a-1")
        draft.complete(Seal(digest, len(payload), RECEIVED_AT, *names))
        drafts.append((draft, path(number)))
    return vault.place(drafts)


def cut_power(vault: Vault) -> dict[str, bytes]:
    """Lose every payload file, as a cut may; give what they were."""
    files = {lying.path: (vault.root / lying.path) for lying in payload_files(vault.root)}
    contents = {relative: file.read_bytes() for relative, file in files.items()}
    for file in files.values():
        file.unlink()
    return contents


def contents_of(root: Path) -> dict[str, bytes]:
    return {lying.path: (root / lying.path).read_bytes() for lying in payload_files(root)}


def test_a_group_in_memory_costs_one_sync_and_no_folder(vault, disk):
    place(vault, b"first").confirm()
    disk.calls.clear()

    placement = place(vault, b"one", b"two", b"three", first=1)
    placement.confirm()

    assert placement.failures == [None] * 3
    assert disk.calls == ["write_all_at", "sync"]


def test_files_are_there_at_once_for_whoever_reads_them(vault):
    place(vault, b"one")

    assert contents_of(vault.root)[path(0)].endswith(b"one")


def test_what_is_long_is_synced_by_itself_beside_the_journal(vault, disk):
    place(vault, b"short").confirm()
    disk.calls.clear()

    place(vault, b"long enough to be two runs", first=1, runs=1).confirm()

    assert disk.calls == ["sync"] + ["sync_directory"] * 7


def test_folders_that_only_the_journal_made_safe_are_synced_for_a_long_payload(vault, disk):
    place(vault, b"short").confirm()
    place(vault, b"long enough to be two runs", first=1, runs=1).confirm()
    disk.calls.clear()

    place(vault, b"long enough to be two runs", first=2, runs=1).confirm()

    # all above the series are settled by now
    assert disk.calls == ["sync", "sync_directory"]


def test_everything_confirmed_is_back_after_a_power_cut(vault, disk):
    for number in range(20):
        place(vault, os.urandom(3000), os.urandom(10), first=2 * number).confirm()
    were = cut_power(vault)

    restored = replay(vault.root, disk, lambda _: True)

    assert restored == len(were) == 40
    assert contents_of(vault.root) == were


@pytest.mark.parametrize("left", [0, 1, 900])
def test_a_file_that_a_cut_left_empty_or_short_is_written_again(vault, disk, left):
    place(vault, os.urandom(3000)).confirm()
    were = contents_of(vault.root)
    os.truncate(vault.root / path(0), left)

    replay(vault.root, disk, lambda _: True)

    assert contents_of(vault.root) == were


def test_only_what_is_wanted_is_written_again(vault, disk):
    place(vault, b"one", b"two").confirm()
    cut_power(vault)

    restored = replay(vault.root, disk, lambda relative: relative == path(1))

    assert restored == 1
    assert list(contents_of(vault.root)) == [path(1)]


def test_a_journal_is_removed_only_when_everything_in_it_is_durable(vault, disk):
    place(vault, b"one").confirm()
    cut_power(vault)
    disk.fault = "sync_all"

    with pytest.raises(OSError, match="Input/output"):
        replay(vault.root, disk, lambda _: True)
    assert len(journals(vault.root)) == 1

    disk.fault = ""
    replay(vault.root, disk, lambda _: True)
    assert journals(vault.root) == []


@pytest.mark.parametrize("damage_at", [0, 8, 30, 1000])
def test_a_torn_last_record_hides_none_before_it(vault, disk, damage_at):
    place(vault, b"one").confirm()
    end = len(HEAD) + 3 + 24 + len(path(0))
    place(vault, os.urandom(2000), first=1)
    [segment] = journals(vault.root)
    with segment.open("r+b") as file:
        file.seek(end + damage_at)
        file.write(b"\xff" * 16)
    cut_power(vault)

    replay(vault.root, disk, lambda _: True)

    assert list(contents_of(vault.root)) == [path(0)]


def test_a_full_segment_is_settled_and_written_again(vault, disk, monkeypatch):
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 5000)
    for number in range(12):
        place(vault, os.urandom(2000), first=number).confirm()
        if vault._journal._settling is not None:
            vault._journal._settling.join()

    assert disk.calls.count("sync_all") >= 4
    # what was settled is not in the journals any more, what was not is
    cut_power(vault)
    replay(vault.root, disk, lambda _: True)
    assert path(11) in contents_of(vault.root)
    assert path(0) not in contents_of(vault.root)


def test_records_of_an_older_generation_are_not_taken_for_newer_ones(vault, disk, monkeypatch):
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 5000)
    monkeypatch.setattr(journal_module, "_SEGMENTS", 1)
    place(vault, os.urandom(1000), os.urandom(1000)).confirm()
    place(vault, os.urandom(1000), first=2).confirm()  # too long for what is left of the segment
    vault._journal._settling.join()
    place(vault, os.urandom(500), first=3).confirm()
    cut_power(vault)

    replay(vault.root, disk, lambda _: True)

    found = contents_of(vault.root)
    assert path(3) in found
    assert path(0) not in found


def test_without_a_free_segment_payloads_are_synced_by_themselves(vault, disk, monkeypatch):
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 10)

    place(vault, b"one").confirm()

    assert disk.calls[0] == "sync"
    assert disk.calls.count("sync_directory") == 7
    assert journals(vault.root) == []


def test_a_failed_sync_is_told_and_the_journal_is_not_used_again(vault, disk):
    disk.fault = "sync"
    placement = place(vault, b"one")
    with pytest.raises(OSError, match="Input/output"):
        placement.confirm()
    with pytest.raises(OSError, match="Input/output"):
        placement.confirm()
    disk.fault = ""
    disk.calls.clear()

    place(vault, b"two", first=1).confirm()

    assert [vault.take_journal_fault(), vault.take_journal_fault()] == ["Input/output error", None]
    assert "write_all_at" not in disk.calls
    assert disk.calls.count("sync_directory") == 7


def test_a_journal_that_cannot_be_written_leaves_the_group_to_direct_syncs(vault, disk):
    disk.fault = "write_all_at"

    placement = place(vault, b"one")
    placement.confirm()

    assert placement.failures == [None]
    assert disk.calls.count("sync") == 1
    assert disk.calls.count("sync_directory") == 1 + 7  # that of the segment, those of the file


def test_what_cannot_be_settled_stays_for_a_replay(tmp_path, disk):
    made = Vault(tmp_path, disk, synced=True)
    made.open()
    place(made, b"one").confirm()
    disk.fault = "sync_all"

    made.close()

    assert len(journals(tmp_path)) == 1
    cut_power(made)
    disk.fault = ""
    assert replay(tmp_path, disk, lambda _: True) == 1


def test_an_orderly_end_leaves_no_journal(tmp_path, disk):
    made = Vault(tmp_path, disk, synced=True)
    made.open()
    place(made, b"one").confirm()

    made.close()

    assert journals(tmp_path) == []
    assert disk.calls[-1] == "sync_all"


def test_the_journal_of_a_process_that_died_is_settled_by_the_next_one(vault, disk):
    place(vault, b"one").confirm()
    [living] = journals(vault.root)
    dead = living.with_name("4194305-dead-0")  # above the highest process number there is
    dead.write_bytes(living.read_bytes())
    disk.calls.clear()

    other = Vault(vault.root, disk, synced=True)
    other.open()

    assert journals(vault.root) == [living]
    assert "sync_all" in disk.calls
    other.close()


def test_without_syncs_there_is_no_journal(tmp_path, disk):
    made = Vault(tmp_path, disk, synced=False)
    made.open()

    place(made, b"one").confirm()

    assert not (tmp_path / "journal").exists()
    assert disk.calls == []
    made.close()


def test_a_journal_never_writes_outside_of_the_instances(tmp_path, disk):
    folder = tmp_path / "vault" / "journal"
    folder.mkdir(parents=True)
    wholes = [Whole(name, [b"x"], 1) for name in ("instances/../../evil.dcm", "/etc/evil", "evil")]
    generation = b"12345678"
    (folder / "1-a-0").write_bytes(
        b"".join(bytes(piece) for whole in wholes for piece in encode(generation, whole))
    )

    assert replay(tmp_path / "vault", disk, lambda _: True) == 0
    assert not (tmp_path / "evil.dcm").exists()


@pytest.mark.parametrize("raw", [b"", b"\0" * 100, os.urandom(500), b"\xff" * 24])
def test_anything_else_is_no_record(raw):
    assert list(decode(memoryview(raw))) == []
