"""What an entry is to what is held under its UID: decided once more inside the transaction.

Whoever brought the entry looked before, but another process may have been faster. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hilum.ledger.entry import Entry, HeldPayload, Verdict
from hilum.ledger.errors import HeldNoMore


@dataclass(slots=True)
class HeldInstance:
    """An instance and its payloads; `row` is 0 until it has one."""

    row: int = 0
    payloads: list[HeldPayload] = field(default_factory=list)

    def current(self) -> HeldPayload:
        """Give the payload that is served."""
        return next((p for p in self.payloads if p.is_current), self.payloads[-1])


@dataclass(slots=True)
class Step:
    """What to do with an entry. `payload` is the one its receipt speaks of."""

    entry: Entry
    verdict: Verdict
    instance: HeldInstance
    payload: HeldPayload
    superseded: HeldPayload | None = None
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


def judge(wanted: Verdict, digest: bytes, held: Sequence[HeldPayload]) -> Verdict | None:
    """Say what an instance is; None when it was not kept for a reason that is gone."""
    if any(payload.digest == digest for payload in held):
        return Verdict.ALREADY_HELD
    match wanted:
        case Verdict.ALREADY_HELD:
            return None
        case Verdict.KEPT_FIRST:
            return Verdict.KEPT_FIRST if held else None
        case Verdict.KEPT | Verdict.KEPT_BESIDE:
            return Verdict.KEPT_BESIDE if held else Verdict.KEPT
        case Verdict.REPLACED:
            return Verdict.REPLACED if held else Verdict.KEPT


def decide(entry: Entry, instance: HeldInstance) -> Step:
    """Say what to do with `entry`, and make `instance` what it is after that.

    Raises:
        HeldNoMore: it was a duplicate of something that is not held any more.
    """
    verdict = judge(entry.verdict, entry.digest, instance.payloads)
    match verdict:
        case Verdict.KEPT | Verdict.KEPT_BESIDE | Verdict.REPLACED:
            return _keep(entry, verdict, instance)
        case Verdict.KEPT_FIRST:
            return Step(entry, verdict, instance, instance.current())
        case Verdict.ALREADY_HELD:
            same = next(p for p in instance.payloads if p.digest == entry.digest)
            return Step(entry, verdict, instance, same)
        case None:
            raise HeldNoMore(
                f"instance {entry.facts.sop_instance_uid}: what it was a duplicate of is not held "
                "any more; it must be sent again"
            )


def _keep(entry: Entry, verdict: Verdict, instance: HeldInstance) -> Step:
    version = 1
    superseded = None
    if instance.payloads:
        version += max(payload.version for payload in instance.payloads)
        current = instance.current()
        current.is_current = False
        if verdict is Verdict.REPLACED:
            superseded = current
            instance.payloads.remove(current)
    payload = HeldPayload(entry.digest, entry.path, version, is_current=True, size=entry.size)
    instance.payloads.append(payload)
    return Step(entry, verdict, instance, payload, superseded)
