"""The sub-operations of a C-MOVE or C-GET, counted; what failed is kept by its UID.

Decides how the whole ends (PS3.4 Tables C.4-2 and C.4-3); sends and waits for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hilum.dimse.service.ending import (
    CANCELED,
    CANNOT_PERFORM,
    COMPLETE,
    SUBOPERATIONS_FAILED,
    Ending,
)
from hilum.dimse.status import Category, Service, category
from hilum.kernel.errors import LocalProtocolError
from hilum.kernel.names import UID

COUNT_MAX: Final = 0xFFFF  # VR US; a larger number is told as this one


@dataclass(frozen=True, slots=True)
class Counts:
    """The four counters of a response (PS3.7 §9.1.3.1.7-10)."""

    remaining: int
    completed: int = 0
    failed: int = 0
    warned: int = 0


class SubOperations:
    """Counts stores as they end; each of `total` ends once, or remains when it was cancelled."""

    __slots__ = ("_completed", "_failed", "_nameless", "_total", "_warned")

    def __init__(self, total: int) -> None:
        self._total = total
        self._completed = 0
        self._warned = 0
        self._nameless = 0
        self._failed: list[UID] = []

    @property
    def total(self) -> int:
        """Tell how many there are, ended or not."""
        return self._total

    def expect(self, total: int) -> None:
        """There are more, or fewer, than was said: never fewer than have ended."""
        self._total = max(total, self._total - self.remaining)

    @property
    def remaining(self) -> int:
        """Tell how many have not ended."""
        ended = self._completed + self._warned + len(self._failed) + self._nameless
        return self._total - ended

    @property
    def counts(self) -> Counts:
        """Give the counters as a response has them."""
        return Counts(
            min(self.remaining, COUNT_MAX),
            min(self._completed, COUNT_MAX),
            min(len(self._failed) + self._nameless, COUNT_MAX),
            min(self._warned, COUNT_MAX),
        )

    @property
    def failed(self) -> Sequence[UID]:
        """The instances that did not arrive, in the order in which that was known."""
        return self._failed

    @property
    def has_failed(self) -> bool:
        """Tell whether anything failed."""
        return bool(self._failed or self._nameless)

    def stored(self, sop_instance_uid: UID, status: int) -> bool:
        """Count a store by the status of its C-STORE-RSP; tell whether it was done."""
        kind = category(status, Service.STORE)
        if kind is Category.SUCCESS:
            self._ends()
            self._completed += 1
        elif kind is Category.WARNING:
            self._ends()
            self._warned += 1
        else:
            self.not_stored(sop_instance_uid)
            return False
        return True

    def not_stored(self, sop_instance_uid: UID) -> None:
        """Count an instance that could not be sent: no context, no payload, no connection."""
        self._ends()
        self._failed.append(sop_instance_uid)

    def nameless_failed(self, number: int) -> None:
        """Count instances of which nobody knows more than that they did not come."""
        self._nameless += number

    def _ends(self) -> None:
        if not self.remaining:
            raise LocalProtocolError(f"more than {self._total} sub-operations have ended")

    def ending(self) -> Ending:
        """Say how the whole ends when nothing remains.

        No matches at all are a success with nothing completed (PS3.4 §C.4.2.2.1).
        """
        failed = len(self._failed) + self._nameless
        if not failed and not self._warned:
            return COMPLETE
        told = f"{failed} of {self._total} failed" if failed else f"{self._warned} with warnings"
        if failed == self._total:
            return Ending(CANNOT_PERFORM, told)
        return Ending(SUBOPERATIONS_FAILED, told)

    def canceled(self) -> Ending:
        """Say how the whole ends after a C-CANCEL: as ever, if nothing was left to cancel."""
        return CANCELED if self.remaining else self.ending()
