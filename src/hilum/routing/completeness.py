"""Is a series or study complete? A verdict from evidence, in words, and how long to wait for it.

Nothing in DICOM says that a study is finished. What comes near is weighed: lists that name every
instance, counts that somebody announced, gaps in the numbers, and how long it was quiet. Late
instances are none of this: they go on their own when they come.
"""

import enum
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

NUMBERS_SHOWN_MAX: Final = 20
# What numbers say is a gap: beyond these, numbering is a scheme and not a count.
_GAPS_MAX: Final = 0.5  # of all numbers between the first and the last


class Verdict(enum.Enum):
    """How sure it is that everything is there."""

    COMPLETE = "complete"
    PROBABLY = "probably"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a series or study that is being gathered.

    `opened_at` is when its first instance came, `last_arrival_at` its latest. None of a count or
    of a list: nobody announced one. `listed` are SOP Instance UIDs that a storage commitment
    request or an MPPS names, `held` those that are here. `numbers` are the Instance Numbers met,
    of a series only. `open_associations`: so many still bring instances of it.
    """

    opened_at: datetime
    last_arrival_at: datetime
    received: int
    numbers: Collection[int] = ()
    announced: int | None = None  # NumberOfSeriesRelatedInstances, …StudyRelatedInstances
    listed: Collection[str] | None = None
    held: Collection[str] = ()
    is_performed_step_ended: bool = False  # MPPS says COMPLETED or DISCONTINUED
    open_associations: int = 0


@dataclass(frozen=True, slots=True)
class Completeness:
    """The verdict, the evidence for it in words, and what is known to be missing."""

    verdict: Verdict
    evidence: tuple[str, ...]
    missing: str = ""

    def __str__(self) -> str:
        said = "; ".join(one for one in (*self.evidence, self.missing) if one)
        return f"{self.verdict.value}: {said}" if said else self.verdict.value


@dataclass(frozen=True, slots=True)
class Patience:
    """What a route waits for; see GatherSettings."""

    level: Literal["complete", "probably"]
    quiet_seconds: float
    forced_after: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet. Look again at `until`, or when something arrives before that."""

    until: datetime
    because: Completeness


@dataclass(frozen=True, slots=True)
class Release:
    """Now. `forced`: the wait had its limit, and not all may be there."""

    because: Completeness
    forced: bool = False


Decision = Wait | Release


def judge(evidence: Evidence, *, quiet_seconds: float, now: datetime) -> Completeness:
    """Weigh the evidence at `now`.

    A list that names every instance decides alone. Then an announced count. Without either nothing
    can be complete for sure: at most probably, when it was quiet, nobody is still sending, and the
    numbers have no gaps.
    """
    if evidence.listed is not None:
        return _by_list(evidence, evidence.listed)
    if evidence.announced is not None and evidence.announced > 0:
        return _by_count(evidence, evidence.announced)
    return _by_quiet(evidence, quiet_seconds=quiet_seconds, now=now)


def decide(evidence: Evidence, patience: Patience, now: datetime) -> Decision:
    """Wait or release, and for how long at most."""
    found = judge(evidence, quiet_seconds=patience.quiet_seconds, now=now)
    limit = evidence.opened_at + timedelta(seconds=patience.forced_after)
    enough = {Verdict.COMPLETE} | ({Verdict.PROBABLY} if patience.level == "probably" else set())
    if found.verdict in enough:
        return Release(found)
    if now >= limit:
        return Release(found, forced=True)
    quiet = evidence.last_arrival_at + timedelta(seconds=patience.quiet_seconds)
    # Quiet does not come before the association ends, which is told when it does.
    return Wait(min(quiet, limit) if now < quiet else limit, found)


def _by_list(evidence: Evidence, listed: Collection[str]) -> Completeness:
    missing = len(set(listed) - set(evidence.held))
    said = (f"{len(listed)} instances are listed by who made them",)
    if missing:
        return Completeness(Verdict.INCOMPLETE, said, f"{missing} of {len(listed)} missing")
    return Completeness(Verdict.COMPLETE, (*said, "all of them are here"))


def _by_count(evidence: Evidence, announced: int) -> Completeness:
    said = (f"{evidence.received} of {announced} announced instances are here",)
    if evidence.received >= announced:
        return Completeness(Verdict.COMPLETE, said)
    gaps = missing_numbers(evidence.numbers)
    count = announced - evidence.received
    named = f": {_shown(gaps)}" if gaps and len(gaps) <= count else ""
    return Completeness(Verdict.INCOMPLETE, said, f"{count} of {announced} missing{named}")


def _by_quiet(evidence: Evidence, *, quiet_seconds: float, now: datetime) -> Completeness:
    quiet = (now - evidence.last_arrival_at).total_seconds()
    gaps = missing_numbers(evidence.numbers)
    said = tuple(_circumstances(evidence, quiet, gaps))
    if gaps:
        span = max(evidence.numbers) - min(evidence.numbers) + 1
        missing = f"{len(gaps)} of {span} missing: {_shown(gaps)}"
        return Completeness(Verdict.INCOMPLETE, said, missing)
    if evidence.open_associations or quiet < quiet_seconds:
        return Completeness(Verdict.INCOMPLETE, said)
    return Completeness(Verdict.PROBABLY, said)


def _circumstances(evidence: Evidence, quiet: float, gaps: Sequence[int]) -> Iterator[str]:
    yield f"{evidence.received} instances are here"
    yield f"quiet for {max(quiet, 0):.0f} s"
    if evidence.open_associations:
        yield "an association that brings it is still open"
    if evidence.is_performed_step_ended:
        yield "the performed step has ended"
    if evidence.numbers and not gaps:
        yield "their numbers have no gaps"


def missing_numbers(numbers: Collection[int]) -> tuple[int, ...]:
    """Give the Instance Numbers that are missing between the first and the last.

    Nothing when most of them are: then numbers are not a count (every tenth, one for each slice
    and echo, …). Cheap whatever the numbers are: only as many as there are instances are made.
    """
    known = set(numbers)
    if not known:
        return ()
    first, last = min(known), max(known)
    # A series that starts at 2 misses 1; one that starts at 100 is numbered in another way.
    first = 1 if first == 2 else first
    span = last - first + 1
    if span - len(known) > span * _GAPS_MAX:
        return ()
    return tuple(number for number in range(first, last + 1) if number not in known)


def _shown(numbers: Sequence[int]) -> str:
    """Write numbers as people do, runs as such, and not all of very many."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    words = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:NUMBERS_SHOWN_MAX]]
    more = [f"and {len(runs) - NUMBERS_SHOWN_MAX} more runs"] if len(runs) > len(words) else []
    return ", ".join([*words, *more])
