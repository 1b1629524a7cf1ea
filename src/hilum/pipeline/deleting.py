"""Deleting because somebody asks for it: every version, never what is still owed, and on record.

The ledger lets go first, then the files go; a crash in between is finished by the next start.
Receipts and audit records stay.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, Self

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.entry import AuditRecord, Origin
from hilum.ledger.ledger import Ledger
from hilum.ledger.removals import PAYLOADS_REMOVED
from hilum.ledger.versions import Standing
from hilum.pipeline.retention.events import PayloadsReleased
from hilum.pipeline.unlinking import Confirming, Files, Unlinking

# Other writers wait while payloads are let go; so many take them some milliseconds.
PAGE: Final = 200
BY_REQUEST: Final = "request"
_REASON: Final = "somebody asked for it to be deleted"


@dataclass(frozen=True, slots=True)
class Target:
    """What is to go: all below the UIDs that are given. At least one is."""

    study: str = ""
    series: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """Nothing of it is held any more: so many payloads went."""

    payloads: int


@dataclass(frozen=True, slots=True)
class NotHeld:
    """There was nothing."""


@dataclass(frozen=True, slots=True)
class StillOwed:
    """So many deliveries are not settled: what they are of stays."""

    deliveries: int


Deletion = Deleted | NotHeld | StillOwed


class Versions(Protocol):
    """What is needed of `hilum.ledger.versions`. Raises LedgerUnavailable."""

    def under(self, *, study: str = ..., series: str = ..., instance: str = ...) -> Standing:
        """Give what is held below UIDs."""
        ...


class Removals(Confirming, Protocol):
    """What is needed of `hilum.ledger.removals`. All raise Full or LedgerUnavailable."""

    def remove(self, paths: Sequence[str], *, reason: str, by: Origin, now: datetime) -> list[str]:
        """Hold payloads no more; give those whose files must go now."""
        ...


class Deleter:
    """Deletes on request. `audit` is Ledger.audit."""

    def __init__(
        self,
        *,
        versions: Versions,
        removals: Removals,
        files: Files,
        audit: Callable[[AuditRecord], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._versions = versions
        self._removals = removals
        self._audit = audit
        self._clock = clock
        self._telemetry = telemetry
        self._unlinking = Unlinking(files, removals, clock, telemetry)

    @classmethod
    def over(cls, ledger: Ledger, files: Files, clock: Clock, telemetry: Telemetry) -> Self:
        """Make it of what a gateway has."""
        return cls(
            versions=ledger.versions,
            removals=ledger.removals,
            files=files,
            audit=ledger.audit,
            clock=clock,
            telemetry=telemetry,
        )

    async def delete(self, target: Target, by: Origin) -> Deletion:
        """Delete what is held, unless some of it is still owed: then nothing of it.

        Raises:
            Full, LedgerUnavailable: it cannot be done now; some of it may be gone.
        """
        return await asyncio.to_thread(self._delete, target, by)

    async def refuse(self, target: Target, by: Origin, reason: str) -> None:
        """Put on record that somebody tried. Raises Full, LedgerUnavailable."""
        await asyncio.to_thread(self._refuse, target, by, reason)

    def _delete(self, target: Target, by: Origin) -> Deletion:
        standing = self._standing(target)
        if not standing.paths:
            return NotHeld()
        if standing.deliveries:
            self._refuse(target, by, f"{standing.deliveries} deliveries of it are not settled")
            return StillOwed(standing.deliveries)
        gone = self._let_go(standing, by)
        if gone < len(standing.paths):
            # Somebody replayed or released a delivery meanwhile.
            left = self._standing(target)
            if left.deliveries:
                return StillOwed(left.deliveries)
        return Deleted(gone)

    def _let_go(self, standing: Standing, by: Origin) -> int:
        paths = list(standing.paths)
        gone = size = 0
        for at in range(0, len(paths), PAGE):
            page = paths[at : at + PAGE]
            let_go = self._removals.remove(page, reason=_REASON, by=by, now=self._clock.now())
            self._unlinking.unlink(let_go)
            gone += len(let_go)
            size += sum(standing.paths[path] for path in let_go)
        if gone:
            self._telemetry.emit(PayloadsReleased(gone, size, BY_REQUEST))
        return gone

    def _standing(self, target: Target) -> Standing:
        return self._versions.under(
            study=target.study, series=target.series, instance=target.instance
        )

    def _refuse(self, target: Target, by: Origin, reason: str) -> None:
        self._audit(
            AuditRecord(
                PAYLOADS_REMOVED,
                "refused",
                by,
                study_instance_uid=target.study,
                sop_instance_uid=target.instance,
                detail=f"deleting was refused: {reason}"
                + (f" (series {target.series})" if target.series else ""),
            )
        )
