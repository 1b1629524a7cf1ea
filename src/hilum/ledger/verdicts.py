"""What an entry is to what is held under its UID: decided inside the transaction. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hilum.ledger.entry import Entry, HeldPayload, Verdict
from hilum.ledger.moments import microseconds_of

_WITH_OTHERS: Final = frozenset(
    {Verdict.KEPT_BESIDE, Verdict.KEPT_OLDER, Verdict.REPLACED, Verdict.KEPT_FIRST}
)


@dataclass(slots=True)
class HeldInstance:
    """An instance and its payloads; `row` is 0 until it has one.

    `version_used` is the last one that a delivery speaks of, though it may be held no more.
    """

    row: int = 0
    payloads: list[HeldPayload] = field(default_factory=list)
    version_used: int = 0

    def current(self) -> HeldPayload:
        """Give the payload that is served."""
        return next((p for p in self.payloads if p.is_current), self.payloads[-1])


@dataclass(slots=True)
class Step:
    """What to do with an entry. `payload` is the one its receipt speaks of.

    `is_new` tells that the instance has no row yet.
    """

    entry: Entry
    verdict: Verdict
    instance: HeldInstance
    payload: HeldPayload
    superseded: HeldPayload | None = None
    is_new: bool = False
    series_row: int = 0

    def is_held_in_the_end(self) -> bool:
        """Tell whether no later step of the group replaced this one's payload."""
        return any(payload is self.payload for payload in self.instance.payloads)

    def superseded_path(self) -> str | None:
        """Give the path that a replaced payload leaves behind, if nothing else is there.

        The same bytes may have come back, to the same path, in the same group.
        """
        if self.superseded is None:
            return None
        path = self.superseded.path
        return None if any(p.path == path for p in self.instance.payloads) else path


def judge(entry: Entry, held: Sequence[HeldPayload]) -> Verdict:
    """Say what an instance is; its verdict decides about other bytes under a UID that is held."""
    if not held:
        return Verdict.KEPT
    if not entry.is_distinct and any(_seems_same(entry, payload) for payload in held):
        return Verdict.ALREADY_HELD
    return entry.verdict if entry.verdict in _WITH_OTHERS else Verdict.KEPT_BESIDE


def _seems_same(entry: Entry, payload: HeldPayload) -> bool:
    """Tell it by digest and size; whoever would drop a payload because of it compares the bytes."""
    return payload.digest == entry.digest and payload.size == entry.size


def decide(entry: Entry, instance: HeldInstance) -> Step:
    """Say what to do with `entry`, and make `instance` what it is after that."""
    verdict = judge(entry, instance.payloads)
    if verdict is Verdict.KEPT_FIRST:
        return Step(entry, verdict, instance, instance.current())
    if verdict is Verdict.ALREADY_HELD:
        same = next(p for p in instance.payloads if _seems_same(entry, p))
        return Step(entry, verdict, instance, same)
    return _keep(entry, verdict, instance)


def _keep(entry: Entry, verdict: Verdict, instance: HeldInstance) -> Step:
    # Never a version twice: what was delivered of another would count for this one.
    version = 1 + max(instance.version_used, *(p.version for p in instance.payloads), 0)
    superseded = None
    is_current = verdict is not Verdict.KEPT_OLDER
    is_new = not instance.row and not instance.payloads
    if instance.payloads:
        current = instance.current()
        current.is_current = not is_current
        if verdict is Verdict.REPLACED:
            superseded = current
            instance.payloads.remove(current)
    payload = HeldPayload(
        entry.digest,
        entry.path,
        version,
        is_current=is_current,
        size=entry.size,
        received_at_microseconds=microseconds_of(entry.received_at),
    )
    instance.payloads.append(payload)
    return Step(entry, verdict, instance, payload, superseded, is_new)
