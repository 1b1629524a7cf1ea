"""What a lane has claimed and not begun: by priority, and in it by presentation context. No clock.

It is never much: what is in it is out of the reach of other workers and of the operator's commands.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from hilum.pipeline.lanes.batching import BatchLimits, cut
from hilum.pipeline.lanes.fairness import PRIORITIES, Turns
from hilum.pipeline.lanes.goods import Context, Goods, context_of

# A session goes on with the context it has negotiated, but the oldest parcel is passed over at most
# so often for that.
PASSED_OVER_MAX: Final = 8


@dataclass(slots=True)
class _Shelf:
    """The goods of one priority."""

    contexts: dict[Context, deque[Goods]] = field(default_factory=dict)
    count: int = 0
    passed_over: int = 0

    def put(self, goods: Goods) -> None:
        queue = self.contexts.setdefault(context_of(goods.parcel), deque())
        queue.append(goods)
        self.count += 1

    def put_back(self, goods: Goods) -> None:
        queue = self.contexts.setdefault(context_of(goods.parcel), deque())
        queue.appendleft(goods)
        self.count += 1

    def choose(self, wanted: Context | None) -> Context:
        oldest = min(self.contexts, key=lambda context: self.contexts[context][0].order)
        if wanted is None or wanted == oldest or wanted not in self.contexts:
            self.passed_over = 0
            return oldest
        self.passed_over += 1
        if self.passed_over > PASSED_OVER_MAX:
            self.passed_over = 0
            return oldest
        return wanted

    def take(self, context: Context, limits: BatchLimits) -> list[Goods]:
        queue = self.contexts[context]
        count = len(cut((goods.parcel for goods in queue), limits))
        taken = [queue.popleft() for _ in range(count)]
        if not queue:
            del self.contexts[context]
        self.count -= count
        return taken


class Stock:
    """The claimed goods of a lane."""

    def __init__(self) -> None:
        self._shelves = {priority: _Shelf() for priority in PRIORITIES}
        self._turns = Turns()

    def __len__(self) -> int:
        return sum(shelf.count for shelf in self._shelves.values())

    def __iter__(self) -> Iterator[Goods]:
        for shelf in self._shelves.values():
            for queue in shelf.contexts.values():
                yield from queue

    def count(self, priority: int) -> int:
        """Tell how many of a priority there are."""
        return self._shelves[priority].count

    def add(self, goods: Iterable[Goods]) -> None:
        """Put in what was claimed, in its order."""
        for one in goods:
            self._shelves[one.priority].put(one)

    def put_back(self, goods: Sequence[Goods]) -> None:
        """Put in front again what was taken and not tried."""
        for one in reversed(goods):
            self._shelves[one.priority].put_back(one)

    def take(self, limits: BatchLimits, wanted: Context | None = None) -> list[Goods]:
        """Take the next batch, of the class whose turn it is; of `wanted` if that is fair."""
        waiting = [priority for priority, shelf in self._shelves.items() if shelf.count]
        if not waiting:
            return []
        priority = self._turns.next(waiting)
        shelf = self._shelves[priority]
        taken = shelf.take(shelf.choose(wanted), limits)
        self._turns.served(priority, len(taken))
        return taken

    def clear(self) -> list[Goods]:
        """Take everything out, for giving it back."""
        left = list(self)
        self._shelves = {priority: _Shelf() for priority in PRIORITIES}
        return left
