"""Closes gatherings: what waits for its series or study goes when that is complete, or long enough.

Every worker does this; closing one that is closed changes nothing. Whether one is complete is
decided by routing, from what the ledger holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.commitment import Listed
from hilum.ledger.delivery import Level
from hilum.ledger.gathering import Completeness, Evidence, Gathering, SeriesEvidence
from hilum.pipeline.lanes.events import GatheringClosed
from hilum.pipeline.lanes.ports import Aside
from hilum.pipeline.lanes.watching import Watches
from hilum.routing import completeness
from hilum.routing.completeness import Patience, Release

# What waits for a route that is gone from the configuration goes when it has been quiet.
GONE: Final = Patience("probably", 60.0, 3600.0)


# When the calendar of a route is open, from a moment on: that moment, if it is.
Opening = Callable[[str, datetime], datetime]


class Gatherings(Protocol):
    """What is needed of the ledger (`hilum.ledger.gatherings.Gatherings`); raises HilumError."""

    def due(
        self, *, quiet_since: datetime, opened_until: datetime, limit: int = 100
    ) -> list[Gathering]:
        """Give open ones worth a look."""
        ...

    def of_commitment(self, commitment_id: int) -> list[Gathering]:
        """Give open ones that have an instance of which a request asks for commitment."""
        ...

    def evidence(self, level: Level, uid: str) -> Evidence:
        """Say what the catalogue holds of a series or study."""
        ...

    def close(
        self,
        gathering_id: int,
        *,
        verdict: Completeness,
        evidence: str,
        is_forced: bool,
        now: datetime,
        due_at: datetime,
    ) -> int:
        """Close one and let its deliveries go at `due_at`."""
        ...


class Lists(Protocol):
    """What is needed of `hilum.ledger.commitments`; raises HilumError."""

    def listed(self, level: Level, uid: str) -> Listed:
        """Say which instances of a series or study commitment requests list."""
        ...


class Gatherer:
    """Looks at the gatherings that are open."""

    def __init__(
        self,
        gatherings: Gatherings,
        lists: Lists,
        aside: Aside,
        clock: Clock,
        telemetry: Telemetry,
        *,
        is_association_open: Callable[[str], bool],
    ) -> None:
        """Take what to ask; `is_association_open` tells of the associations of this process."""
        self._gatherings = gatherings
        self._lists = lists
        self._aside = aside
        self._clock = clock
        self._telemetry = telemetry
        self._is_association_open = is_association_open
        self._patience: Mapping[str, Patience] = {}
        self._opening: Opening = lambda _, now: now
        self._look_again: dict[int, float] = {}  # monotonic: the wall clock may be set back
        self._watches = Watches()

    def watch(self, commitment_id: int) -> None:
        """A request for commitment came, whose list is evidence: look at what it names at once."""
        self._watches.begin(commitment_id, self._clock.monotonic())

    def change(
        self, patience: Mapping[str, Patience], opening: Opening = lambda _, now: now
    ) -> None:
        """Take the patience of each route that gathers, and when what it lets go may start."""
        self._patience = patience
        self._opening = opening
        self._look_again = {}

    async def look(self) -> bool:
        """Close what may be closed; tell whether something is due now. For about once a second.

        Raises HilumError.
        """
        now, moment = self._clock.now(), self._clock.monotonic()
        every = [GONE, *self._patience.values()]
        quiet = timedelta(seconds=min(one.quiet_seconds for one in every))
        forced = timedelta(seconds=min(one.forced_after for one in every))
        due = await self._aside.run(
            lambda: self._gatherings.due(quiet_since=now - quiet, opened_until=now - forced)
        )
        self._look_again = {
            one.gathering_id: self._look_again[one.gathering_id]
            for one in due
            if one.gathering_id in self._look_again
        }
        closed = [await self._judge(one, now) for one in due if self._is_time(one, moment)]
        listed = [await self._look_at_list(one, now) for one in self._watches.due(moment)]
        return any([*closed, *listed])

    async def _look_at_list(self, commitment_id: int, now: datetime) -> bool:
        """Judge what a request names; tell whether something is due now."""
        moment = self._clock.monotonic()
        waiting = await self._aside.run(lambda: self._gatherings.of_commitment(commitment_id))
        closed = [await self._judge(one, now) for one in waiting]
        self._watches.looked(commitment_id, moment, found=len(waiting), closed=sum(closed))
        return any(closed)

    def _is_time(self, gathering: Gathering, moment: float) -> bool:
        return self._look_again.get(gathering.gathering_id, moment) <= moment

    async def _judge(self, gathering: Gathering, now: datetime) -> bool:
        held, lists = await self._aside.run(lambda: self._known(gathering))
        evidence = evidence_of(
            gathering,
            held,
            lists,
            is_arriving=self._is_association_open(gathering.association_id),
        )
        patience = self._patience.get(gathering.route, GONE)
        decision = completeness.decide(evidence, patience, now)
        if not isinstance(decision, Release):
            # An association that ends is no reason to wait until the limit.
            soon = max(patience.quiet_seconds / 4, 1.0)
            seconds = min((decision.until - now).total_seconds(), soon)
            self._look_again[gathering.gathering_id] = self._clock.monotonic() + seconds
            return False
        counted = held if evidence.listed is None else Evidence(())
        await self._close(gathering, decision, told(decision.because, counted), now)
        return True

    def _known(self, gathering: Gathering) -> tuple[Evidence, Listed]:
        level, uid = gathering.level, gathering.uid
        return self._gatherings.evidence(level, uid), self._lists.listed(level, uid)

    async def _close(
        self, gathering: Gathering, release: Release, said: str, now: datetime
    ) -> None:
        verdict = Completeness(release.because.verdict.value)
        count = await self._aside.run(
            lambda: self._gatherings.close(
                gathering.gathering_id,
                verdict=verdict,
                evidence=said,
                is_forced=release.forced,
                now=now,
                due_at=self._opening(gathering.route, now),
            )
        )
        if count:
            self._telemetry.emit(
                GatheringClosed(
                    gathering.route,
                    gathering.level.value,
                    gathering.uid,
                    count,
                    verdict.value,
                    release.forced,
                    said,
                )
            )


def evidence_of(
    gathering: Gathering, held: Evidence, lists: Listed, *, is_arriving: bool
) -> completeness.Evidence:
    """Put what the ledger knows in the words of the decision. Pure.

    Some ask for commitment of each image or series as it is done. Where no request names all that
    is held, none is of the whole: together they tell what is missing, and never that nothing is.
    """
    is_missing = not frozenset(lists.listed) <= frozenset(lists.held)
    listed = lists.listed if is_missing or lists.is_whole else None
    return completeness.Evidence(
        opened_at=gathering.opened_at,
        last_arrival_at=gathering.last_arrival_at,
        received=held.instances,
        numbers=_numbers(held.series),
        listed=listed,
        held=lists.held,
        open_associations=int(is_arriving),
    )


def told(because: completeness.Completeness, held: Evidence) -> str:
    """Write down the reasons. Pure.

    The ledger counts Instance Numbers and does not keep them: how many are missing is known, which
    ones is not.
    """
    gapped = [series for series in held.series if _missing(series)]
    if because.missing and gapped:
        missing = ", ".join(
            f"{_missing(one)} of the numbers {one.lowest}-{one.highest} missing" for one in gapped
        )
        because = replace(because, missing=missing)
    return str(because)


def _numbers(series: Sequence[SeriesEvidence]) -> Sequence[int]:
    """Give numbers with as many gaps as the first series that has any; else those of the first."""
    chosen = next((one for one in series if _missing(one)), series[0] if series else None)
    if chosen is None or chosen.lowest is None or chosen.highest is None:
        return ()
    if chosen.highest - chosen.lowest >= 2 * chosen.numbers:
        return ()  # so sparse that numbers are no count here; and perhaps very long
    return (*range(chosen.lowest, chosen.lowest + chosen.numbers - 1), chosen.highest)


def _missing(series: SeriesEvidence) -> int:
    if series.lowest is None or series.highest is None:
        return 0
    missing = series.highest - series.lowest + 1 - series.numbers
    return missing if missing <= series.numbers else 0
