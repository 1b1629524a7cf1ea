"""The vault: a folder of Part 10 files that are complete, named and (if asked for) synced.

What is under `instances` is whole: a payload gets its name there only after its last byte and its
seal were written. What was being written when a process died lies under `incoming` and is dropped.
"""

import json
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from hilum.vault.disk import Disk
from hilum.vault.draft import Draft
from hilum.vault.layout import INCOMING, INSTANCES, QUARANTINE, SUFFIX
from hilum.vault.payload import OpenPayload, open_payload

# Folders we know to exist; a study of one series needs four. Forgetting one costs a few stat calls.
_KNOWN_FOLDERS_MAX: Final = 4096
# A single wait is not worth the way to another thread and back.
_WORTH_THREADS: Final = 2
# What hostile or broken senders may make us keep for inspection, in all.
QUARANTINE_BYTES_MAX: Final = 1 << 30


_T = TypeVar("_T")
_R = TypeVar("_R")


class Vault:
    """Payload files below one root. One object a process, called from its worker threads."""

    def __init__(
        self, root: Path, disk: Disk, *, synced: bool, executor: Executor | None = None
    ) -> None:
        self.root = root
        self._disk = disk
        self._synced = synced
        self._executor = executor
        # Begins the serial of every payload of this process; no other one has it.
        self._token = uuid.uuid4().hex[:8]
        self._incoming = root / INCOMING / f"{os.getpid()}-{self._token}"
        self._root_text = str(root)
        self._incoming_text = str(self._incoming)
        self._known: set[str] = set()
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

    def close(self) -> None:
        """Remove this process's own folder of drafts, when nothing is in it."""
        if self._incoming.is_dir() and not any(self._incoming.iterdir()):
            self._incoming.rmdir()

    def begin(self, head: bytes) -> Draft:
        """Begin a payload; `head` is its file meta ending with a blank seal."""
        self._drafts += 1
        serial = f"{self._token}{self._drafts:x}"
        return Draft(self._disk, f"{self._incoming_text}/{serial}", serial, head)

    def place(self, drafts: Sequence[tuple[Draft, str]]) -> list[OSError | None]:
        """Give completed drafts their final, relative paths; all of them in one go.

        When this returns, each draft without an error is visible under its path and, in a synced
        vault, survives a power cut: file first, then its name, then the folders. A draft with an
        error is gone.
        """
        failures = self._sync_files(drafts)
        folders: dict[str, None] = {}
        for index, (draft, path) in enumerate(drafts):
            if failures[index] is None:
                failures[index] = self._name(draft, path, folders)
        if self._synced:
            self._sync_folders(folders, drafts, failures)
        return failures

    def open_payload(self, relative: str) -> OpenPayload:
        """Open a payload that the ledger names; the caller closes it.

        Raises:
            CorruptPayload: it is not as it was sealed: never finished, cut, or not ours.
            OSError: it cannot be opened or read.
        """
        return open_payload(self._disk, f"{self._root_text}/{relative}")

    def holds_same(self, relative: str, other: str, size: int) -> bool:
        """Tell whether two payloads have the same data set of `size` bytes, by reading both."""
        return self._disk.ends_alike(self.root / relative, self.root / other, size=size)

    def remove(self, relative: str) -> None:
        """Remove a payload that the ledger no longer names. Raises OSError."""
        self._disk.remove(self.root / relative)

    def quarantine(self, draft: Draft, reason: str, *, now: datetime) -> str | None:
        """Keep what cannot be taken for later inspection, if there is room; give its path."""
        if self._quarantined + draft.size > QUARANTINE_BYTES_MAX:
            draft.discard()
            return None
        self._quarantined += draft.size
        name = f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}"
        relative = f"{QUARANTINE}/{name}{SUFFIX}"
        draft.flush()
        draft.name(f"{self._root_text}/{relative}")
        note = self._disk.create(self.root / f"{QUARANTINE}/{name}.json")
        text = json.dumps({"reason": reason, "quarantined_at": now.isoformat()}).encode()
        self._disk.write(note, [text], size=len(text))
        self._disk.close(note)
        return relative

    def free_bytes(self) -> tuple[int, int]:
        """Give what may still be written and the size of the file system. Raises OSError."""
        return self._disk.free_bytes(self.root)

    def _sync_files(self, drafts: Sequence[tuple[Draft, str]]) -> list[OSError | None]:
        if not self._synced:
            return [None] * len(drafts)
        return list(self._at_once(_sync, [draft for draft, _ in drafts]))

    def _at_once(self, act: Callable[[_T], _R], things: Sequence[_T]) -> Iterable[_R]:
        """Do it to all; flushes reach the device together when they are asked for together."""
        if self._executor is None or len(things) < _WORTH_THREADS:
            return map(act, things)
        return self._executor.map(act, things)

    def _name(self, draft: Draft, path: str, folders: dict[str, None]) -> OSError | None:
        target = f"{self._root_text}/{path}"
        folder = target.rpartition("/")[0]
        try:
            if folder not in self._known:
                self._learn(folder, folders)
            try:
                draft.name(target)
            except FileNotFoundError:
                # The folder we knew was removed by a clean-up meanwhile.
                self._learn(folder, folders)
                draft.name(target)
        except OSError as error:
            _drop(draft)
            return error
        folders[folder] = None
        return None

    def _learn(self, folder: str, folders: dict[str, None]) -> None:
        self._disk.make_directories(folder)
        # Another process may have made these a moment ago and not synced them yet.
        ancestor = folder
        while ancestor != self._root_text:
            ancestor = ancestor.rpartition("/")[0]
            folders[ancestor] = None
        if len(self._known) >= _KNOWN_FOLDERS_MAX:
            self._known.clear()
        self._known.add(folder)

    def _sync_folders(
        self,
        folders: dict[str, None],
        drafts: Sequence[tuple[Draft, str]],
        failures: list[OSError | None],
    ) -> None:
        try:
            for _ in self._at_once(self._disk.sync_directory, list(folders)):
                pass
        except OSError as error:
            # Which names would survive is not known: none of the group counts as kept.
            self._known.clear()
            for index, (_, path) in enumerate(drafts):
                if failures[index] is None:
                    failures[index] = error
                    self.remove(path)


def _sync(draft: Draft) -> OSError | None:
    try:
        draft.sync()
    except OSError as error:
        _drop(draft)
        return error
    return None


def _drop(draft: Draft) -> None:
    try:
        draft.discard()
    except OSError:
        # Nothing was answered for it, and what is left in `incoming` is dropped at the next start.
        draft.close()
