"""What a lane carries: a parcel under a lease, and what became of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from hilum.kernel.outcome import Deferred, Failing, Outcome
from hilum.pipeline.ports import Parcel

Context = tuple[str, str]


@dataclass(slots=True)
class Goods:
    """A parcel that is leased to us under the name `owner`. `order` is its place in the queue."""

    parcel: Parcel
    owner: str
    priority: int
    order: int
    created_at: datetime


@dataclass(slots=True)
class Result:
    """What became of goods, to be written down. `due_at` is for those that are deferred."""

    goods: Goods
    outcome: Outcome
    due_at: datetime | None = None

    @property
    def is_untried(self) -> bool:
        """Tell whether it is only put back."""
        return isinstance(self.outcome, Deferred) and self.outcome.failing is Failing.UNTRIED


def context_of(parcel: Parcel) -> Context:
    """Give what must be negotiated for a parcel: SOP class and transfer syntax."""
    return parcel.sop_class_uid, parcel.transfer_syntax_uid


def size_of(goods: Iterable[Goods]) -> int:
    """Give the bytes of all."""
    return sum(one.parcel.size for one in goods)
