"""What to do with an instance whose UID we hold already: a pure decision."""

import enum
from collections.abc import Sequence

from hilum.ledger.entry import HeldPayload, Verdict


class DuplicatePolicy(enum.Enum):
    """`gateway.duplicates`: what other bytes under a known SOP Instance UID mean."""

    KEEP_BOTH = "keep_both"  # the newest is served, the older stays visible
    KEEP_FIRST = "keep_first"  # the newcomer is refused, so that its sender knows
    REPLACE = "replace"  # the older is removed once the newest is durable


def decide(held: Sequence[HeldPayload], digest: bytes, policy: DuplicatePolicy) -> Verdict:
    """Judge an instance by what is held under its UID."""
    if not held:
        return Verdict.KEPT
    if any(payload.digest == digest for payload in held):
        return Verdict.ALREADY_HELD
    match policy:
        case DuplicatePolicy.KEEP_BOTH:
            return Verdict.KEPT_BESIDE
        case DuplicatePolicy.KEEP_FIRST:
            return Verdict.KEPT_FIRST
        case DuplicatePolicy.REPLACE:
            return Verdict.REPLACED
