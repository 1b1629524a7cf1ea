"""The vault: a folder of Part 10 files that are complete, named and (if asked for) synced.

What is under `instances` is whole: a payload gets its name there only after its last byte and its
seal were written. What was being written when a process died lies under `incoming` and is dropped.
"""

import json
import os
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Final

from hilum.kernel.syncing import Synced, Syncing
from hilum.vault.disk import Disk
from hilum.vault.draft import Draft
from hilum.vault.folders import Folders
from hilum.vault.held import HeldReader
from hilum.vault.journal import Journal
from hilum.vault.journal_records import Whole
from hilum.vault.layout import INCOMING, INSTANCES, QUARANTINE, SUFFIX
from hilum.vault.payload import OpenPayload, open_payload
from hilum.vault.placement import Placement
from hilum.vault.pruning import prune
from hilum.vault.spool import Spool

# What hostile or broken senders may make us keep for inspection, in all.
QUARANTINE_BYTES_MAX: Final = 1 << 30
# To begin to write a CT image takes the loop 0.1 ms; what is much longer would keep it too long.
HASTENED_BYTES_MAX: Final = 2 * 1024 * 1024


class Vault:
    """Payload files below one root. One object a process, called from its worker threads."""

    def __init__(self, root: Path, disk: Disk, *, synced: bool) -> None:
        self.root = root
        self._disk = disk
        self._synced = synced
        # Begins the serial of every payload of this object; no other one has it.
        self.token = uuid.uuid4().hex[:8]
        self._incoming = root / INCOMING / f"{os.getpid()}-{self.token}"
        self._root_text = str(root)
        self._incoming_text = str(self._incoming)
        self._folders = Folders(disk, self._root_text)
        self._journal = Journal(disk, self._root_text, self._incoming.name)
        self._at_hand: dict[str, tuple[tuple[memoryview, ...], int]] = {}
        self._drafts = 0
        self._quarantined = 0

    def open(self) -> None:
        """Make the folders. Raises OSError."""
        for folder in (self._incoming, self.root / INSTANCES, self.root / QUARANTINE):
            self._disk.make_directories(folder)
        kept = (self.root / QUARANTINE).iterdir()
        self._quarantined = sum(file.stat().st_size for file in kept)
        for folder in (self.root, self.root.parent):
            if self._synced:
                self._disk.sync_directory(folder)
        if self._synced:
            self._journal.open()

    def close(self) -> None:
        """Settle the journal, and remove this process's own folder of drafts when it is empty."""
        self._journal.close()
        if self._incoming.is_dir() and not any(self._incoming.iterdir()):
            self._incoming.rmdir()

    def begin(self, head: bytes) -> Draft:
        """Begin a payload; `head` is its file meta ending with a blank seal."""
        self._drafts += 1
        serial = f"{self.token}{self._drafts:x}"
        return Draft(self._disk, f"{self._incoming_text}/{serial}", serial, head)

    def spool(self) -> Spool:
        """Make room for bytes that are not a payload yet; the caller closes it. Raises OSError."""
        self._drafts += 1
        return Spool(self._disk, f"{self._incoming_text}/{self.token}{self._drafts:x}")

    def path_of_draft(self, draft: Draft) -> str:
        """Give where a completed draft can be opened for as long as it is neither named nor gone.

        Only by this process, and nothing that is to last: a start sweeps it away.
        """
        return f"{INCOMING}/{self._incoming.name}/{draft.serial}"

    def hasten(self, draft: Draft) -> None:
        """Have a completed draft begin its way to the device, in a synced vault, before its sync.

        What is still in memory has the journal. Raises OSError: it may not survive.
        """
        if self._synced and not draft.whole and draft.size <= HASTENED_BYTES_MAX:
            self._disk.hasten(draft.descriptor)

    def place(self, drafts: Sequence[tuple[Draft, str]]) -> Placement:
        """Give completed drafts their final, relative paths; all of them in one go.

        When this returns, each draft without a failure is visible under its path; once the
        placement is confirmed it survives, in a synced vault, a power cut. Payloads that are still
        in memory are safe by the journal, others by themselves: their bytes and the folders above
        them are synced side by side, after all have their names.
        """
        if not self._synced:
            return Placement([self._put(draft, path) for draft, path in drafts])
        wholes = [Whole(path, one.whole, one.file_bytes) for one, path in drafts if one.whole]
        journal = self._journal.append(wholes) if wholes else None
        lone = [not (journal and draft.whole) for draft, _ in drafts]
        failures = [self._name(draft, path) for draft, path in drafts]
        placement = Placement(failures, [] if journal is None else [journal])
        self._sync(
            [
                one
                for one, is_lone, e in zip(drafts, lone, failures, strict=True)
                if is_lone and not e
            ],
            placement,
        )
        for draft, _ in drafts:
            draft.close()
        return placement

    def shelve(self, draft: Draft, path: str) -> None:
        """Give a completed draft its final, relative path; it need not survive a power cut.

        Raises OSError: the draft is dropped then.
        """
        failure = self._put(draft, path)
        if failure is not None:
            raise failure

    def hold(self, relative: str, pieces: Sequence[memoryview]) -> None:
        """Give a payload out from memory, before its file is there or while it is not needed."""
        self._at_hand[relative] = tuple(pieces), sum(map(len, pieces))

    def let_go(self, relative: str) -> None:
        """Give it out from its file from now on; who has it open reads on."""
        self._at_hand.pop(relative, None)

    def open_payload(self, relative: str) -> OpenPayload | HeldReader:
        """Open a payload that the ledger names, or that is at hand; the caller closes it.

        Raises:
            CorruptPayload: it is not as it was sealed: never finished, cut, or not ours.
            OSError: it cannot be opened or read.
        """
        held = self._at_hand.get(relative)
        if held is not None:
            return HeldReader(*held)
        return open_payload(self._disk, f"{self._root_text}/{relative}")

    def holds_same(self, relative: str, other: str, size: int) -> bool:
        """Tell whether two payloads have the same data set of `size` bytes, by reading both."""
        return self._disk.ends_alike(self.root / relative, self.root / other, size=size)

    def remove(self, relative: str) -> None:
        """Remove a payload that the ledger no longer names. Raises OSError."""
        self._disk.remove(self.root / relative)

    def settle_removed(self, relatives: Iterable[str]) -> None:
        """Make removals survive a power cut, in a synced vault. Raises OSError."""
        if not self._synced:
            return
        for folder in dict.fromkeys([_folder_of(self._root_text, one) for one in relatives]):
            with suppress(FileNotFoundError):  # a clean-up was here before
                self._disk.sync_directory(folder)

    def prune(self, relatives: Iterable[str], *, before: date) -> None:
        """Remove the folders of payloads, of days before one, that are empty. Raises OSError."""
        prune(self.root, relatives, before=before)

    def quarantine(self, draft: Draft, reason: str, *, now: datetime) -> str | None:
        """Keep what cannot be taken for later inspection, if there is room; give its path."""
        if self._quarantined + draft.size > QUARANTINE_BYTES_MAX:
            draft.discard()
            return None
        self._quarantined += draft.size
        name = f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}"
        relative = f"{QUARANTINE}/{name}{SUFFIX}"
        draft.flush()
        draft.close()
        draft.name(f"{self._root_text}/{relative}")
        note = self._disk.create(self.root / f"{QUARANTINE}/{name}.json")
        text = json.dumps({"reason": reason, "quarantined_at": now.isoformat()}).encode()
        self._disk.write(note, [text], size=len(text))
        self._disk.close(note)
        return relative

    def take_journal_fault(self) -> str | None:
        """Say once why small payloads are not made safe by the journal any more; None: they are."""
        return self._journal.take_fault()

    def free_bytes(self) -> tuple[int, int]:
        """Give what may still be written and the size of the file system. Raises OSError."""
        return self._disk.free_bytes(self.root)

    def _put(self, draft: Draft, path: str) -> OSError | None:
        draft.close()
        return self._name(draft, path)

    def _name(self, draft: Draft, path: str) -> OSError | None:
        target = f"{self._root_text}/{path}"
        folder = _folder_of(self._root_text, path)
        try:
            self._folders.make(folder)
            try:
                draft.name(target)
            except FileNotFoundError:
                # The folder we knew was removed by a clean-up meanwhile.
                self._folders.forget()
                self._folders.make(folder)
                draft.name(target)
        except OSError as error:
            _drop(draft)
            return error
        return None

    def _sync(self, drafts: Sequence[tuple[Draft, str]], placement: Placement) -> None:
        """Begin to sync what was named without the journal, and the folders it is in."""
        if not drafts:
            return
        folders = dict.fromkeys([_folder_of(self._root_text, path) for _, path in drafts])
        placement.ended = partial(self._synced_folders, folders)
        opened: list[int] = []
        try:
            opened.extend(map(self._disk.open_folder, self._folders.to_sync(folders)))
            files = [draft.descriptor for draft, _ in drafts]
            syncing: Syncing = self._disk.begin_syncs(files, opened)
        except OSError as error:
            syncing = Synced(error)
        finally:
            for descriptor in opened:
                self._disk.close(descriptor)
        placement.syncings = [*placement.syncings, syncing]

    def _synced_folders(self, folders: Iterable[str], error: OSError | None) -> None:
        if error is None:
            self._folders.settle(folders)
        else:
            # Which names would survive is not known: none of them counts as kept.
            self._folders.forget()


def _folder_of(root: str, path: str) -> str:
    return f"{root}/{path.rpartition('/')[0]}"


def _drop(draft: Draft) -> None:
    try:
        draft.discard()
    except OSError:
        # Nothing was answered for it, and what is left in `incoming` is dropped at the next start.
        draft.close()
