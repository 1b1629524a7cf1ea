"""What other bytes under a UID that we hold already mean."""

import enum

from hilum.ledger.entry import Verdict


class DuplicatePolicy(enum.Enum):
    """`gateway.duplicates`: what the newcomer becomes. The same bytes are never stored twice."""

    KEEP_BOTH = "keep_both"  # the newest is served, the older stays visible
    KEEP_FIRST = "keep_first"  # the newcomer is refused, so that its sender knows
    REPLACE = "replace"  # the older is removed once the newest is durable

    @property
    def verdict(self) -> Verdict:
        """Give what the ledger shall make of it."""
        return _VERDICTS[self]


_VERDICTS = {
    DuplicatePolicy.KEEP_BOTH: Verdict.KEPT_BESIDE,
    DuplicatePolicy.KEEP_FIRST: Verdict.KEPT_FIRST,
    DuplicatePolicy.REPLACE: Verdict.REPLACED,
}
