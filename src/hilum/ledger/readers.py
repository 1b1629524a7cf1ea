"""A few readers for questions that come side by side: SQLite readers do not block one another."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Final, TypeVar

from hilum.ledger.connection import Durability
from hilum.ledger.reader import Reader

T = TypeVar("T")

# More connections than cores answer no sooner; each has a page cache of its own.
READERS: Final = 4


class AllBusy(Exception):
    """No reader is free now."""


class Readers:
    """Runs as many questions at a time as there are readers; others wait."""

    def __init__(self, path: Path, *, durability: Durability, count: int = READERS) -> None:
        self._all = [Reader(path, durability=durability) for _ in range(count)]
        # The last one that was used comes first: its cache is warm, and the others stay closed
        # until they are needed.
        self._free: LifoQueue[Reader] = LifoQueue()
        for reader in reversed(self._all):
            self._free.put(reader)

    def ask(self, question: Callable[[sqlite3.Cursor], T]) -> T:
        """Run `question`, which must have read all it wants when it returns.

        Raises:
            LedgerUnavailable, Full: as Reader.ask() does.
        """
        return self._asked(self._free.get(), question)

    def ask_at_once(self, question: Callable[[sqlite3.Cursor], T]) -> T:
        """Run a short `question` as `ask` does, without waiting for a reader: for the event loop.

        Raises:
            AllBusy: others have them all.
            LedgerUnavailable, Full: as Reader.ask() does.
        """
        try:
            reader = self._free.get_nowait()
        except Empty:
            raise AllBusy from None
        return self._asked(reader, question)

    def _asked(self, reader: Reader, question: Callable[[sqlite3.Cursor], T]) -> T:
        try:
            return reader.ask(question)
        finally:
            self._free.put(reader)

    def close(self) -> None:
        """Close the connections; the next questions open them again."""
        for reader in self._all:
            reader.close()
