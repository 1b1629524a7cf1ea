"""Removes the files of payloads that the ledger let go, and tells it so when they are gone."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Final, Protocol

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.events import CleanUpFailed

# Folders of these days may be used by those who are writing now.
_BUSY_DAYS: Final = 2


class Files(Protocol):
    """What is needed of the vault. All raise OSError."""

    def remove(self, relative: str) -> None:
        """Remove a payload; one that is gone already is fine."""
        ...

    def settle_removed(self, relatives: Iterable[str]) -> None:
        """Make removals survive a power cut."""
        ...

    def prune(self, relatives: Iterable[str], *, before: date) -> None:
        """Remove the folders of payloads, of days before one, that are empty now."""
        ...


class Confirming(Protocol):
    """What is needed of the ledger. Raises HilumError."""

    def confirm(self, paths: Sequence[str]) -> None:
        """Forget removed payloads whose files are gone."""
        ...


class Unlinking:
    """Blocks: for threads."""

    def __init__(
        self, files: Files, removals: Confirming, clock: Clock, telemetry: Telemetry
    ) -> None:
        self._files = files
        self._removals = removals
        self._clock = clock
        self._telemetry = telemetry

    def unlink(self, paths: Sequence[str]) -> None:
        """Remove files; the ledger remembers those that cannot be, for the next run.

        Raises:
            HilumError: the ledger could not be told; it remembers all of them.
        """
        gone = [path for path in paths if self._is_removed(path)]
        if gone and self._are_settled(gone):
            self._removals.confirm(gone)
        with suppress(OSError):  # an empty folder costs nothing
            busy = self._clock.now().date() - timedelta(days=_BUSY_DAYS)
            self._files.prune(gone, before=busy)

    def _is_removed(self, path: str) -> bool:
        try:
            self._files.remove(path)
        except OSError as error:
            self._telemetry.emit(CleanUpFailed(path, str(error.strerror)))
            return False
        return True

    def _are_settled(self, gone: Sequence[str]) -> bool:
        """Make sure that no power cut brings the files back, or leave them to the next start."""
        try:
            self._files.settle_removed(gone)
        except OSError as error:
            self._telemetry.emit(CleanUpFailed(gone[0], str(error.strerror)))
            return False
        return True
