"""Reading beside the writer: it never waits for a write transaction and never holds one up."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hilum.ledger.connection import Durability, Handle
from hilum.ledger.errors import explained

T = TypeVar("T")


class Reader:
    """Runs questions, one at a time."""

    def __init__(self, path: Path, *, durability: Durability) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._handle = Handle(path, durability, lambda: None)

    def ask(self, question: Callable[[sqlite3.Cursor], T]) -> T:
        """Run `question`, which must have read all it wants when it returns.

        Raises:
            LedgerUnavailable: the ledger cannot be read now.
            Full: there is not even room for what reading needs.
        """
        with self._mutex:
            try:
                return question(self._handle.cursor())
            except sqlite3.Error as error:
                self._handle.distrust(error)
                raise explained(error, self._path) from error

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        with self._mutex:
            self._handle.close()
