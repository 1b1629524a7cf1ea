"""Passages on a real vault and ledger, to a destination that does what a test says."""

import asyncio
from pathlib import Path
from typing import Self

from intake_bench import Bench

from hilum.kernel.outcome import Delivered, Outcome
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.passing.depot import Depot
from hilum.pipeline.passing.passages import Passages
from hilum.pipeline.passing.ports import Target
from hilum.pipeline.ports import Parcel


class Elsewhere:
    """A `pipeline.ports.Destination` that remembers what arrived.

    `outcome_of` gives the outcome of a parcel, or raises; `gate` keeps every delivery waiting while
    it is closed.
    """

    name = "cloud"

    def __init__(self, vault) -> None:
        self.vault = vault
        self.outcome_of = lambda _: Delivered()
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived: list[bytes] = []
        self.batches: list[list[Parcel]] = []
        self.sessions = 0
        self.closed = 0
        self.stopped = 0
        self.busy = 0
        self.most_busy = 0
        self.begun = asyncio.Event()

    async def verify(self) -> None:
        pass

    def session(self) -> "ElsewhereSession":
        self.sessions += 1
        return ElsewhereSession(self)

    async def aclose(self) -> None:
        pass


class ElsewhereSession:
    def __init__(self, place: Elsewhere) -> None:
        self.place = place
        self.is_busy = False

    async def deliver(self, parcels):
        place = self.place
        assert not self.is_busy
        self.is_busy = True
        place.batches.append(list(parcels))
        place.busy += 1
        place.most_busy = max(place.most_busy, place.busy)
        place.begun.set()
        try:
            for parcel in parcels:
                await place.gate.wait()
                outcome: Outcome | None = place.outcome_of(parcel)
                if outcome is None:
                    return
                if isinstance(outcome, Delivered):
                    place.arrived.append(self._read(parcel))
                yield parcel, outcome
        except (asyncio.CancelledError, GeneratorExit):
            place.stopped += 1
            raise
        finally:
            place.busy -= 1
            self.is_busy = False

    async def aclose(self) -> None:
        self.place.closed += 1

    def _read(self, parcel: Parcel) -> bytes:
        payload = parcel.open(self.place.vault)
        try:
            content = bytearray(payload.size)
            assert payload.read_into(memoryview(content)) == parcel.size == payload.size
            return bytes(content)
        finally:
            payload.close()


class PassingRig(Bench):
    """A bench whose instances are taken by a passage."""

    def __init__(self, root: Path, *, window_max: int = 2, batch_instances_max: int = 4) -> None:
        super().__init__(root, synced=False, policy=DuplicatePolicy.KEEP_BOTH)
        self.place = Elsewhere(self.vault)
        self.target = Target(self.place, window_max, batch_instances_max, 1 << 30)
        self.audit_fault: Exception | None = None
        self.outcome_fault: Exception | None = None
        self.obstacle: str | None = None
        self.records_at_the_end: list[tuple[str, str, str]] = []
        self.depot = Depot(
            vault=self.vault,
            room=self.room,
            ledger_obstacle=lambda: self.obstacle,
            audit=self._audit,
            audit_lightly=self._audit_lightly,
            clock=self.clock,
            telemetry=self.telemetry,
            instance_bytes_max=1 << 30,
        )
        self.targets = {"cloud": self.target}
        self.passages = Passages(self.depot, self.targets.get, self.telemetry)
        self.taker = self.passage = self.passages.passage("cloud", deadline_seconds=5.0)

    def spool_all(self) -> None:
        """Let nothing be held in memory: everything is written to a draft."""
        self.depot.budget.left = 0

    def _audit(self, *records) -> None:
        if self.audit_fault is not None:
            raise self.audit_fault
        self.ledger.audit(*records)

    def _audit_lightly(self, *records) -> None:
        if self.outcome_fault is not None:
            raise self.outcome_fault
        self.ledger.audit_lightly(*records)

    def audit_records(self) -> list[tuple[str, str, str]]:
        """Give event, outcome and SOP Instance UID of each that is about a passage."""
        rows = self.ledger._reader.ask(
            lambda cursor: cursor.execute(
                "SELECT event, outcome, sop_instance_uid FROM audit ORDER BY 1, 2, 3"
            ).fetchall()
        )
        return [tuple(row) for row in rows]

    async def __aenter__(self) -> Self:
        self.passages.start(asyncio.get_running_loop())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.place.gate.set()
        await self.passages.stop()
        self.records_at_the_end = self.audit_records()
        self.ledger.close()
