"""Fetched payloads in the vault: put, listed, and taken away, by several processes at once.

They are payload files like all others, so that `Vault.open_payload` gives them out. Nothing of
them is synced: they survive the gateway, not a restart of the machine. Every method may block.
"""

import itertools
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Final

from hilum.vault.cache.gate import Gate
from hilum.vault.cache.leases import Leases, Use, is_recent
from hilum.vault.cache.places import CACHE, GOING, INDEX, place_of, study_place
from hilum.vault.cache.record import Came, Went
from hilum.vault.cache.shelf import Shelf, write_index
from hilum.vault.draft import Draft
from hilum.vault.vault import Vault

# Changes with every start of the machine (proc(5)).
_BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
_BOOT: Final = f"{CACHE}/boot"


class CacheFiles:
    """The cache below the root of a vault. One object a process."""

    def __init__(self, vault: Vault, *, boot_id: str | None = None) -> None:
        self._vault = vault
        self._root = str(vault.root)
        self._gate = Gate(f"{self._root}/{CACHE}/lock")
        self._leases = Leases(vault.token)
        self._going = map(f"{self._root}/{GOING}/{vault.token}-{{}}".format, itertools.count())
        self._boot_id = _boot_id() if boot_id is None else boot_id

    def open(self) -> None:
        """Make the folders; what another start of the machine left is dropped. Raises OSError."""
        os.makedirs(f"{self._root}/{GOING}", mode=0o750, exist_ok=True)  # noqa: PTH103 - texts
        self._gate.open()
        with self._gate.alone():
            if not self._boot_id or self._boot_id != self._boot_written():
                for place in self.places():
                    self._take_down(place)
                with open(f"{self._root}/{_BOOT}", "w", encoding="ascii") as stream:  # noqa: PTH123 - texts
                    stream.write(self._boot_id)

    def close(self) -> None:
        """Give the lock back."""
        self._gate.close()

    def begin(self, head: bytes) -> Draft:
        """Begin a payload (see `Vault.begin`)."""
        return self._vault.begin(head)

    def put(self, draft: Draft, place: str, came: Came, *, now: float) -> None:
        """Put a completed draft onto its shelf, for all processes. Raises OSError."""
        self.put_all([(draft, came)], place, now=now)

    def put_all(self, drafts: Sequence[tuple[Draft, Came]], place: str, *, now: float) -> None:
        """Put completed drafts onto the shelf of a study: all of them, or none. Raises OSError."""
        folder = f"{self._root}/{place}"
        put: list[str] = []
        with self._gate.shared():
            self._leases.renew(folder, now)
            try:
                for draft, came in drafts:
                    path = f"{place}/{came.name}"
                    self._vault.shelve(draft, path)
                    put.append(path)
                write_index(folder, [came for _, came in drafts])
            except OSError:
                for path in put:
                    self._vault.remove(path)
                raise

    def shelf(self, answerer: str, study: str) -> Shelf:
        """Give the shelf of a study, not read yet."""
        return self.shelf_at(study_place(answerer, study))

    def shelf_at(self, place: str) -> Shelf:
        """Give the shelf at a place of `places`, not read yet."""
        return Shelf(self._root, place)

    def look(self, shelf: Shelf, *, now: float) -> None:
        """Learn what others put there, and say that it is in use. Raises OSError."""
        with self._gate.shared():
            shelf.refresh()
            if shelf.payloads:
                self._leases.renew(shelf.folder, now)

    def renew(self, place: str, *, now: float) -> None:
        """Say that a study is in use, if it is there. Raises OSError."""
        folder = f"{self._root}/{place}"
        with self._gate.shared():
            if os.path.isdir(folder):  # noqa: PTH112 - paths are texts here
                self._leases.renew(folder, now)

    def is_whole(self, shelf: Shelf, came: Came) -> bool:
        """Tell whether a payload is there, all of it."""
        try:
            facts = os.stat(f"{shelf.folder}/{came.name}", follow_symlinks=False)  # noqa: PTH116 - texts
        except OSError:
            return False
        return facts.st_size == came.file_bytes

    def places(self) -> Iterator[str]:
        """Give the place of every study. Raises OSError."""
        for answerer in _folders(f"{self._root}/{CACHE}"):
            if not answerer.startswith("."):
                for study in _folders(f"{self._root}/{CACHE}/{answerer}"):
                    yield f"{CACHE}/{answerer}/{study}"

    def use_of(self, place: str) -> Use | None:
        """Tell when a study was last used; None: it is gone."""
        try:
            return self._leases.use_of(f"{self._root}/{place}")
        except FileNotFoundError:
            return None

    def state_of(self, place: str) -> tuple[int, int]:
        """Give what changes whenever the index of a study does. Raises OSError."""
        try:
            facts = os.stat(f"{self._root}/{place}/{INDEX}")  # noqa: PTH116 - paths are texts here
        except FileNotFoundError:
            return 0, 0
        return facts.st_ino, facts.st_size

    def drop(self, path: str) -> None:
        """Take a payload away, whoever uses it: who has it open reads on. Raises OSError."""
        place = place_of(path)
        folder = f"{self._root}/{place}"
        with self._gate.shared(), suppress(FileNotFoundError):
            write_index(folder, [Went(path.removeprefix(f"{place}/"))])
        self._vault.remove(path)

    def drop_some(self, shelf: Shelf, names: Collection[str], *, now: float) -> bool:
        """Take payloads away, if no other process uses their study now. Raises OSError."""
        with self._gate.alone():
            use = self.use_of(shelf.place)
            if use is None or is_recent(use.by_others, now):
                return False
            shelf.write(map(Went, names))
        for name in names:
            self._vault.remove(f"{shelf.place}/{name}")
        return True

    def drop_study(self, place: str, *, now: float) -> bool:
        """Take a study down that nobody uses now, to be swept away; False: it is in use, or gone.

        Raises OSError.
        """
        with self._gate.alone():
            use = self.use_of(place)
            if use is None or is_recent(use.by_anybody, now):
                return False
            return self._take_down(place)

    def sweep(self) -> None:
        """Remove what was taken down, by whichever process."""
        for name in _folders(f"{self._root}/{GOING}"):
            shutil.rmtree(f"{self._root}/{GOING}/{name}", ignore_errors=True)

    def _take_down(self, place: str) -> bool:
        going = next(self._going)
        folder = f"{self._root}/{place}"
        self._leases.forget(folder)
        try:
            os.rename(folder, going)  # noqa: PTH104 - paths are texts here
        except FileNotFoundError:
            return False
        return True

    def _boot_written(self) -> str:
        try:
            with open(f"{self._root}/{_BOOT}", encoding="ascii") as stream:  # noqa: PTH123 - texts
                return stream.read()
        except (OSError, ValueError):
            return ""


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _boot_id() -> str:
    """Tell this start of the machine from others; "": it cannot be told."""
    try:
        with open(_BOOT_ID, encoding="ascii") as stream:  # noqa: PTH123 - paths are texts here
            return stream.read().strip()
    except OSError:
        return ""
