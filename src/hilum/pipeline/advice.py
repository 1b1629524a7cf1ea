"""What to do about it: from an explanation to causes and remedies, the likeliest first. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hilum.kernel.outcome import Failing
from hilum.ledger.delivery import QueuedDelivery, State
from hilum.pipeline.explanation import Explanation
from hilum.routing.reasons import Verdict


@dataclass(frozen=True, slots=True)
class Advice:
    """What is the matter and what helps."""

    cause: str
    remedy: str


def advise(found: Explanation, *, destinations: Collection[str], now: datetime) -> list[Advice]:
    """Say what is the matter, the likeliest first; nothing when all is well."""
    return [
        *_absence(found),
        *_troubles(found, destinations, now),
        *_no_route(found),
    ]


def _absence(found: Explanation) -> Iterator[Advice]:
    if found.unreadable:
        yield Advice(
            f"the payload cannot be read: {found.unreadable}",
            "Look at the disk; `hilum rebuild` finds what is whole",
        )
    if found.held or found.deliveries or found.example is not None:
        return
    if found.receipts:
        last = found.receipts[-1]
        brought_by = last.calling_ae_title or last.peer or "a folder"
        yield Advice(
            f"it was received {last.received_at:%Y-%m-%d %H:%M}Z from {brought_by} and is not "
            "held any more",
            "The audit trail says who removed it",
        )
    else:
        yield Advice(
            "nothing of this name was ever received: no success was answered for it",
            "Is the UID or accession number right? Ask the sender's log; ours names every "
            "association that was rejected and every instance that was refused",
        )


def _troubles(found: Explanation, destinations: Collection[str], now: datetime) -> Iterator[Advice]:
    """Tell of each kind of open delivery once, the worst and most frequent first."""
    groups: Counter[tuple[int, str, str, str]] = Counter()
    examples: dict[tuple[int, str, str, str], QueuedDelivery] = {}
    for history in found.deliveries:
        one = history.delivery
        if one.state in (State.DELIVERED, State.DROPPED):
            continue
        key = (_rank(one, destinations), one.destination, one.state.value, one.reason)
        groups[key] += 1
        examples.setdefault(key, one)
    for key in sorted(groups, key=lambda one: (one[0], -groups[one])):
        yield _trouble(examples[key], groups[key], destinations, now, found)


def _rank(one: QueuedDelivery, destinations: Collection[str]) -> int:
    if one.destination not in destinations:
        return 0
    order = (State.REFUSED, State.HELD, State.DEFERRED, State.WAITING, State.ACTIVE)
    return 1 + order.index(one.state)


def _trouble(
    one: QueuedDelivery,
    count: int,
    destinations: Collection[str],
    now: datetime,
    found: Explanation,
) -> Advice:
    what = f"{count} {'delivery' if count == 1 else 'deliveries'} to {one.destination}"
    if one.destination not in destinations:
        return Advice(
            f"{what} cannot go: there is no destination {one.destination} in the configuration",
            f"Put [destinations.{one.destination}] back, or `hilum queue replay --destination "
            f"{one.destination} --to OTHER`, then drop them",
        )
    if one.state in _STANDING:
        word, remedy = _STANDING[one.state]
        said = f"{what} {word}: {one.reason}" if one.reason else f"{what} {word}"
        return Advice(said, remedy.format(name=one.destination))
    if one.state is State.DEFERRED:
        tries = f"{one.attempts} {'try' if one.attempts == 1 else 'tries'}"
        return Advice(f"{what} deferred after {tries}: {one.reason}", _again(one, now))
    return _waiting(one, what, now, found)


_STANDING: Final = {
    State.REFUSED: (
        "refused",
        "Mend the cause, then `hilum queue retry --destination {name}`; or drop them with a reason",
    ),
    State.HELD: ("held", "`hilum queue release --destination {name}` lets them go"),
    State.ACTIVE: ("being sent now", "Nothing to do"),
}


def _waiting(one: QueuedDelivery, what: str, now: datetime, found: Explanation) -> Advice:
    if one.due_at is None:
        return Advice(f"{what} wait for the rest: {_gathering(found)}", "Nothing to do yet")
    if one.due_at > now:
        return Advice(
            f"{what} wait until {one.due_at:%Y-%m-%d %H:%M}Z, when the route's `between` opens",
            f"Nothing to do, or change `between` of route {one.route}",
        )
    return Advice(
        f"{what} wait in the queue since {one.created_at:%Y-%m-%d %H:%M}Z",
        "Is the gateway running? `hilum queue` shows what the destination is owed, its schedule "
        "and what keeps it",
    )


def _again(one: QueuedDelivery, now: datetime) -> str:
    if one.failing == Failing.UNWELCOME.value:
        return "Mend what it says; it is asked again by itself every minute"
    if one.due_at is not None and one.due_at > now:
        seconds = (one.due_at - now).total_seconds()
        return (
            f"Mend what it says; it is tried again in {seconds:.0f} s, or now with `hilum queue "
            f"retry --destination {one.destination}`"
        )
    return "It is tried again by itself"


def _gathering(found: Explanation) -> str:
    for one in found.gatherings:
        if one.closed_at is None:
            return (
                f"route {one.route} sends the {one.level.value} as a whole, {one.arrivals} "
                "instances so far"
            )
    return "its series or study is not complete"


def _no_route(found: Explanation) -> Iterator[Advice]:
    """Say why nothing is sent at all."""
    if found.planned is None or found.deliveries or found.planned.deliveries:
        return
    if not found.traces:
        yield Advice("there are no routes, so nothing is sent anywhere", "Add [[routes]]")
        return
    nearest = min(
        (one for one in found.traces if one.reason.verdict is Verdict.FAILED),
        key=lambda one: sum(not condition.holds for condition in one.conditions),
        default=None,
    )
    if nearest is None:
        yield Advice("no route fired: all are switched off or stopped", "See the routes below")
        return
    failed = [one for one in nearest.conditions if not one.holds]
    said = "; ".join(
        f"{one.key} is {', '.join(one.actual) or 'absent'}, wanted {one.wanted}" for one in failed
    )
    yield Advice(
        f"no route fired; route {nearest.reason.route} came nearest: {said}",
        "Change that condition if this instance is meant",
    )
