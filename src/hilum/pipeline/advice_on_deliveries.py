"""Advice on deliveries that are not there yet: what keeps each, and when it is tried again."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from hilum.kernel.outcome import Failing
from hilum.ledger.delivery import ASKED_AGAIN, QueuedDelivery, State
from hilum.pipeline.advice import Advice, deliveries, plural
from hilum.pipeline.circumstances import Circumstances, Place
from hilum.pipeline.explanation import Explanation
from hilum.pipeline.remedies import parted, remedy_of

# The worst first.
_ORDER: Final = (
    State.REFUSED,
    State.HELD,
    State.DEFERRED,
    State.WAITING,
    State.ACTIVE,
    State.DROPPED,
)


def on_deliveries(
    found: Explanation, circumstances: Circumstances, now: datetime
) -> Iterator[Advice]:
    """Tell of each kind of delivery that is not there once, the worst and most frequent first."""
    groups: Counter[tuple[int, str, str, str]] = Counter()
    examples: dict[tuple[int, str, str, str], QueuedDelivery] = {}
    for history in found.deliveries:
        one = history.delivery
        if one.state is State.DELIVERED:
            continue
        key = (_rank(one, circumstances), one.destination, one.state.value, one.reason)
        groups[key] += 1
        examples.setdefault(key, one)
    for key in sorted(groups, key=lambda key: (key[0], -groups[key])):
        yield _trouble(examples[key], groups[key], circumstances, now, found)


def _rank(one: QueuedDelivery, circumstances: Circumstances) -> int:
    if one.destination not in circumstances.places and one.state is not State.DROPPED:
        return 0
    return 1 + _ORDER.index(one.state)


def _trouble(
    one: QueuedDelivery,
    count: int,
    circumstances: Circumstances,
    now: datetime,
    found: Explanation,
) -> Advice:
    name, what = one.destination, f"{deliveries(count)} to {one.destination}"
    if one.state is State.DROPPED:
        return Advice(
            f"{what} {plural(count, 'was', 'were')} dropped: {one.reason}",
            f"Nothing to do, or: `hilum queue replay {_exactly(one, count)} --to {name}`",
            is_urgent=False,
        )
    place = circumstances.places.get(name)
    if place is None:
        return Advice(
            f"{what} cannot go: {name} is not in the configuration any more",
            f"Put [destinations.{name}] back, or send it elsewhere: `hilum queue replay "
            f"--destination {name} --to OTHER`, then `hilum queue drop REASON --destination "
            f"{name}`",
        )
    match one.state:
        case State.REFUSED:
            fact, _ = parted(one.reason)
            return Advice(
                f"{what} {plural(count, 'was', 'were')} refused: {fact}", _remedy(one, place)
            )
        case State.HELD:
            return Advice(
                f"{what} {plural(count, 'is', 'are')} held: {one.reason}",
                f"`hilum queue release {_exactly(one, count)}` lets "
                f"{'it' if count == 1 else 'them'} go",
            )
        case State.DEFERRED:
            return _deferred(one, what, place, now)
        case _:
            return _waiting(one, what, place, now, found)


def _deferred(one: QueuedDelivery, what: str, place: Place, now: datetime) -> Advice:
    fact, _ = parted(one.reason)
    tries = f"{one.attempts} {'try' if one.attempts == 1 else 'tries'}"
    return Advice(
        f"{what} put off after {tries}: {fact}",
        f"{_ended(_remedy(one, place))} {_again(one, place, now)}",
    )


def _waiting(
    one: QueuedDelivery, what: str, place: Place, now: datetime, found: Explanation
) -> Advice:
    """Say what something that was not tried waits for."""
    name = one.destination
    if one.due_at is None and one.state is State.WAITING:
        return Advice(
            f"{what}: waiting until {_gathering(found)}",
            f"It goes by itself when nothing more comes; `gather` of route {one.route} says after "
            "how long",
            is_urgent=False,
        )
    if one.due_at is not None and one.due_at > now and one.state is State.WAITING:
        return Advice(
            f"{what}: waiting until {_clock(one.due_at)}, when `between` of route {one.route} "
            "opens",
            f"Nothing to do, or change `between` of route {one.route} and send it at once: `hilum "
            f"queue retry {_exactly(one, 1)}`",
            is_urgent=False,
        )
    if place.opens_at is not None:
        return Advice(
            f"{what}: waiting until {_clock(place.opens_at)}, when `between` of the destination "
            "opens",
            f"Nothing to do, or change between in [destinations.{name}]",
            is_urgent=False,
        )
    if one.reason.startswith(ASKED_AGAIN):
        fact, _ = parted(one.reason)
        return Advice(f"{what}: waiting, {fact}", _remedy(one, place))
    if place.trouble is not None:
        fact, _ = parted(place.trouble.reason)
        return Advice(
            f"{what}: waiting while others fail there: {fact}",
            f"{_ended(_remedy(place.trouble, place))} {_again(place.trouble, place, now)}",
        )
    return _in_line(one, what, place)


def _in_line(one: QueuedDelivery, what: str, place: Place) -> Advice:
    soon = "" if place.empty_in is None else f", which is empty in {_length(place.empty_in)}"
    line = f"{what}: in the line of {place.owed:,}{soon}" if place.owed > 1 else f"{what}: going"
    if place.rate:
        return Advice(
            f"{line}; the rate lets through {place.rate}",
            f"Nothing to do, or raise rate in [destinations.{one.destination}]",
            is_urgent=False,
        )
    return Advice(line, "Nothing to do", is_urgent=False)


def _remedy(one: QueuedDelivery, place: Place) -> str:
    return remedy_of(one, place.kind, calling=place.calling or "us")


def _again(one: QueuedDelivery, place: Place, now: datetime) -> str:
    """Say when it is tried again, and how to do so now."""
    now_ = f"at once with `hilum queue retry --destination {one.destination}`"
    if place.opens_at is not None:
        return f"It is tried again by itself at {_clock(place.opens_at)}, when `between` opens."
    if one.failing == Failing.UNWELCOME.value:
        return f"It is asked again by itself every minute, or {now_}."
    if one.due_at is not None and one.due_at > now:
        return f"It is tried again by itself in {_length(one.due_at - now)}, or {now_}."
    return "It is tried again by itself."


def _gathering(found: Explanation) -> str:
    for one in found.gatherings:
        if one.closed_at is None:
            arrived = f"{one.arrivals} {'instance' if one.arrivals == 1 else 'instances'}"
            return f"the {one.level.value} is complete; {arrived} so far, route {one.route}"
    return "its series or study is complete"


def _exactly(one: QueuedDelivery, count: int) -> str:
    """Give the options that select what is explained, and nothing else."""
    if count == 1:
        return f"--id {one.delivery_id}"
    return f"--study {one.study_instance_uid} --destination {one.destination}"


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"


def _length(length: timedelta) -> str:
    seconds = max(length.total_seconds(), 0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _ended(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
