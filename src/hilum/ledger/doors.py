"""How the parts of the ledger get at its file: a transaction to write in, a moment to read in."""

from collections.abc import Callable
from sqlite3 import Cursor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Write(Protocol):
    """Runs work in a write transaction. Raises Full or LedgerUnavailable; then nothing stays."""

    def __call__(self, work: Callable[[Cursor], T], /) -> T:
        """Run `work`; it may be run twice, and what the first run did does not count then."""
        ...


class Ask(Protocol):
    """Runs a question beside the writers. Raises LedgerUnavailable."""

    def __call__(self, question: Callable[[Cursor], T], /) -> T:
        """Run `question`, which must have read all it wants when it returns."""
        ...
