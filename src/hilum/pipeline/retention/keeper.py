"""Lets payloads go as the rules say: one process at a time, page by page, ledger before files.

A crash between the two leaves a path that the ledger remembers; whoever cleans next finishes it.
Never holds the ledger for longer than a page takes.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.entry import OURSELVES, Origin
from hilum.ledger.removals import BEGINNING, Place, Removable, Usage
from hilum.pipeline.retention.events import PayloadsReleased, RoomNarrowed, RoomRegained
from hilum.pipeline.retention.pressure import Held, Pressure, pressure_of
from hilum.pipeline.retention.settings import RetentionSettings
from hilum.pipeline.retention.terms import Retention
from hilum.pipeline.unlinking import Files as UnlinkableFiles
from hilum.pipeline.unlinking import Unlinking

PAGE: Final = 200
# Of one look, so that a lease is enough for it and others get their turn: some seconds.
PAGES_MAX: Final = 50
# After all was looked at. Rules speak of days; what room needs is looked for sooner.
SWEEP_SECONDS: Final = 300.0
PRESSED_SECONDS: Final = 15.0
# The ledger is counted as a whole; in between, what came and went since is added.
COUNT_SECONDS: Final = 60.0
LEASE_SECONDS: Final = 120.0
# No destination can have this name.
LEASE: Final = ".retention"
BY_AGE: Final = "age"
BY_NEED: Final = "room"
_REASONS: Final = {
    BY_AGE: "it was kept as long as retention says",
    BY_NEED: "its room was needed",
}


class Removals(Protocol):
    """What retention needs of the ledger: see `hilum.ledger.removals`. All raise HilumError."""

    def removable(
        self, *, before: datetime, after: Place = ..., limit: int = ...
    ) -> list[Removable]:
        """Give a page of what is owed to nobody."""
        ...

    def remove(self, paths: Sequence[str], *, reason: str, by: Origin, now: datetime) -> list[str]:
        """Hold payloads no more; give those whose files must go now."""
        ...

    def confirm(self, paths: Sequence[str]) -> None:
        """Forget removed payloads whose files are gone."""
        ...

    def unconfirmed(self) -> list[str]:
        """Give the paths of files that must go."""
        ...

    def usage(self, *, after_row: int = ...) -> Usage:
        """Count what is held, or what came after a row."""
        ...


class Leases(Protocol):
    """What retention needs of the ledger's slots. All raise HilumError."""

    def take(
        self, destination: str, *, limit: int, owner: str, now: datetime, until: datetime
    ) -> int | None:
        """Lease a slot; None: somebody else has it."""
        ...

    def give_back(self, destination: str, number: int, owner: str) -> bool:
        """Give it back; False when it was lost already."""
        ...


class Files(UnlinkableFiles, Protocol):
    """What retention needs of the vault. All raise OSError."""

    def free_bytes(self) -> tuple[int, int]:
        """Give what may still be written, and the size of the file system."""
        ...


@dataclass(slots=True)
class _Sweep:
    """Where looking through the ledger is."""

    place: Place = BEGINNING
    not_before: float = 0.0  # when to begin anew, monotonic

    def ended(self, at: float) -> None:
        self.place, self.not_before = BEGINNING, at


class Keeper:
    """Keeps the vault within its terms. `barred` is told why stores must be refused, or None."""

    def __init__(  # noqa: PLR0913 -- the ports, each named
        self,
        settings: RetentionSettings,
        *,
        removals: Removals,
        leases: Leases,
        files: Files,
        clock: Clock,
        vouched: Clock,
        steady: Clock,
        telemetry: Telemetry,
        owner: str,
        barred: Callable[[str | None], None],
    ) -> None:
        self._removals = removals
        self._leases = leases
        self._files = files
        self._unlinking = Unlinking(files, removals, clock, telemetry)
        self._clock = clock
        self._vouched = vouched  # the clock of ages: nothing goes because the other one has jumped
        self._steady = steady  # the clock of leases
        self._telemetry = telemetry
        self._owner = owner
        self._barred = barred
        self._usage = Usage(0, 0, 0)
        self._recount_at = 0.0
        self._has_finished = False
        self._is_short = False
        self.percent = 0
        self.change(settings)

    def change(self, settings: RetentionSettings) -> None:
        """Keep by other terms from now on."""
        self._settings = settings
        self._terms = Retention.of(settings)
        self._by_age = _Sweep()
        self._by_need = _Sweep()
        if not self._has_limits:
            self._barred(None)

    @property
    def _has_limits(self) -> bool:
        settings = self._settings
        limits = (settings.quota_bytes, settings.quota_instances, settings.free_bytes)
        return any(limit is not None for limit in limits)

    async def look(self) -> None:
        """Do what there is to do; for about once a second. Raises OSError, HilumError."""
        pressure = await asyncio.to_thread(self._work)
        self._tell(pressure)

    def _work(self) -> Pressure:
        pressure = self._pressure()
        now = self._clock.monotonic()
        needs = pressure.is_room_needed and now >= self._by_need.not_before
        is_due = now >= self._by_age.not_before
        if needs or is_due or not self._has_finished:
            self._with_lease(pressure, needs=needs, is_due=is_due)
            pressure = self._pressure()
        return pressure

    def _tell(self, pressure: Pressure) -> None:
        """Refuse or take stores, and say so when it changes."""
        self.percent = pressure.percent
        self._barred(pressure.reached or None)
        if bool(pressure.warning) == self._is_short:
            return
        self._is_short = bool(pressure.warning)
        event = RoomNarrowed(pressure.warning) if self._is_short else RoomRegained()
        self._telemetry.emit(event)

    def _pressure(self) -> Pressure:
        if not self._has_limits:
            return Pressure()
        now = self._clock.monotonic()
        if now >= self._recount_at:
            self._usage = self._removals.usage()
            self._recount_at = now + COUNT_SECONDS
        fresh = self._removals.usage(after_row=self._usage.last_row)
        self._usage = self._usage.plus(fresh)
        free, _ = self._files.free_bytes()
        return pressure_of(self._settings, Held(self._usage.payloads, self._usage.bytes, free))

    def _with_lease(self, pressure: Pressure, *, needs: bool, is_due: bool) -> None:
        now = self._steady.now()
        until = now + timedelta(seconds=LEASE_SECONDS)
        number = self._leases.take(LEASE, limit=1, owner=self._owner, now=now, until=until)
        if number is None:
            return
        try:
            self._finish()
            if needs:
                self._sweep_for_room(pressure)
            if is_due:
                self._sweep_by_age()
        finally:
            self._leases.give_back(LEASE, number, self._owner)

    def _finish(self) -> None:
        """Finish what a crash or a failing disk interrupted, once a run."""
        if not self._has_finished:
            self._unlinking.unlink(self._removals.unconfirmed())
            self._has_finished = True

    def _sweep_by_age(self) -> None:
        sweep = self._by_age
        is_over = self._pages(sweep, lambda _payloads, _size: False, is_room_needed=False)
        if is_over:
            sweep.ended(self._clock.monotonic() + SWEEP_SECONDS)

    def _sweep_for_room(self, pressure: Pressure) -> None:
        sweep = self._by_need
        is_over = self._pages(sweep, pressure.is_met_by, is_room_needed=True)
        if is_over:
            # Nothing more may go at the moment.
            sweep.ended(self._clock.monotonic() + PRESSED_SECONDS)

    def _pages(
        self, sweep: _Sweep, is_enough: Callable[[int, int], bool], *, is_room_needed: bool
    ) -> bool:
        """Let page after page go, until it is enough for now; tell whether it was the last one."""
        age = self._terms.youngest_age(is_room_needed=is_room_needed)
        if age is None:
            return True
        gone, freed = 0, 0
        for _ in range(PAGES_MAX):
            now = self._vouched.now()
            page = self._removals.removable(before=now - age, after=sweep.place, limit=PAGE)
            chosen: list[Removable] = []
            for payload in page:
                if is_enough(gone, freed):
                    break
                sweep.place = payload.place
                if self._terms.may_go(payload, now, is_room_needed=is_room_needed):
                    chosen.append(payload)
                    gone, freed = gone + 1, freed + payload.size
            self._let_go(chosen, BY_NEED if is_room_needed else BY_AGE)
            if is_enough(gone, freed):
                # The oldest of what is left comes first the next time.
                sweep.place = BEGINNING
                return False
            if len(page) < PAGE:
                return True
        return False

    def _let_go(self, payloads: Sequence[Removable], cause: str) -> None:
        if not payloads:
            return
        now = self._clock.now()
        sizes = {payload.path: payload.size for payload in payloads}
        gone = self._removals.remove(list(sizes), reason=_REASONS[cause], by=OURSELVES, now=now)
        size = sum(sizes[path] for path in gone)
        self._usage = self._usage.plus(Usage(-len(gone), -size, 0))
        self._unlinking.unlink(gone)
        if gone:
            self._telemetry.emit(PayloadsReleased(len(gone), size, cause))
