"""Syncs as a port: who keeps something asks for them, and may do other things until they are over.

Ledger and vault do not know each other, and both have bytes that must survive a power cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Syncing(Protocol):
    """Syncs that are under way."""

    @property
    def is_over(self) -> bool:
        """Tell whether `wait` would return at once."""
        ...

    def wait(self) -> OSError | None:
        """Wait for the end of all; None: everything survives a power cut. Safe to call again."""
        ...


@dataclass(frozen=True, slots=True)
class Synced:
    """Syncs that are over already, or that nobody needs."""

    error: OSError | None = None
    is_over: bool = True

    def wait(self) -> OSError | None:
        """Say how they went."""
        return self.error


class Bell(Protocol):
    """Rings when a sync ends: for a loop that has other things to do than to wait."""

    descriptor: int

    def hush(self) -> None:
        """Be silent until the next sync ends."""
        ...


class BeginSyncs(Protocol):
    """Begins to make files, and the names in folders, survive a power cut; raises nothing.

    The descriptors may be closed at once.
    """

    def __call__(self, files: Sequence[int], folders: Sequence[int] = ()) -> Syncing:
        """Begin."""
        ...
