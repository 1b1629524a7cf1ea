"""One instance on its way to the other side: it has exactly one outcome, or nobody waits for it."""

from collections.abc import Callable

from hilum.kernel.outcome import Outcome
from hilum.pipeline.ports import Parcel


class Cargo:
    """A parcel, who brought it, and until when its sender is to be answered.

    `sender`: instances of one sender share deliveries, and end together when it goes away.
    """

    __slots__ = ("__weakref__", "_settled", "due_at", "is_over", "parcel", "sender", "was_untried")

    def __init__(
        self, parcel: Parcel, *, sender: str, due_at: float, settled: Callable[[Outcome], None]
    ) -> None:
        self.parcel = parcel
        self.sender = sender
        self.due_at = due_at
        self.was_untried = False
        self.is_over = False
        self._settled = settled

    def settle(self, outcome: Outcome) -> None:
        """Tell what became of it, unless it is over."""
        if not self.is_over:
            self.is_over = True
            self._settled(outcome)

    def withdraw(self) -> None:
        """Nobody waits for the outcome."""
        self.is_over = True
