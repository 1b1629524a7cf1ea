"""The folders of a vault: which of them are there, and whose names survive a power cut already."""

from collections.abc import Iterable
from typing import Final

from hilum.vault.disk import Disk

# A study of one series needs four. Forgetting one costs a few calls.
_KNOWN_MAX: Final = 4096


class Folders:
    """What this process made or synced below `root`. Another one may have made the same."""

    def __init__(self, disk: Disk, root: str) -> None:
        self._disk = disk
        self._root = root
        self._made: set[str] = set()
        self._settled: set[str] = set()

    def make(self, folder: str) -> None:
        """Make `folder` and what is above it, unless they are known. Raises OSError."""
        if folder in self._made:
            return
        self._disk.make_directories(folder)
        if len(self._made) >= _KNOWN_MAX:
            self._made.clear()
        self._made.add(folder)

    def forget(self) -> None:
        """Know nothing any more: somebody removed one, or it is not known what survives."""
        self._made.clear()
        self._settled.clear()

    def to_sync(self, folders: Iterable[str]) -> list[str]:
        """Give what must be synced so that the names in `folders`, and their own, survive."""
        wanted: dict[str, None] = {}
        for folder in folders:
            wanted[folder] = None
            above = folder
            # Another process may have made these a moment ago and not synced them yet.
            while above != self._root and above not in self._settled:
                above = above.rpartition("/")[0]
                wanted[above] = None
        return list(wanted)

    def settle(self, folders: Iterable[str]) -> None:
        """Remember that the names of `folders`, and of all above them, survive."""
        if len(self._settled) >= _KNOWN_MAX:
            self._settled.clear()
        for folder in folders:
            above = folder
            while above != self._root and above not in self._settled:
                self._settled.add(above)
                above = above.rpartition("/")[0]
