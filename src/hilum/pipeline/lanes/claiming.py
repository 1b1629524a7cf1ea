"""Keeps a lane's stock filled from the ledger, so that sessions never wait for it.

Each priority has its own level, so that urgent work finds its way past a full stock, and work
without end in one class does not keep the others in the ledger. What is claimed is no more than
the lane sends in about a second: nobody else can have it, no command of the operator reaches it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError
from hilum.ledger.delivery import Priority
from hilum.pipeline.lanes.books import CLAIM_BYTES_MAX, Books
from hilum.pipeline.lanes.breaker import HalfOpen
from hilum.pipeline.lanes.fairness import PRIORITIES
from hilum.pipeline.lanes.goods import Goods, size_of
from hilum.pipeline.lanes.pacing import Pacing
from hilum.pipeline.lanes.stock import Stock

_BY_PRIORITY: Final = tuple(Priority)
STOCK_SECONDS: Final = 1.0
STOCK_INSTANCES_MAX: Final = 256
FIRST_INSTANCES: Final = 64
# While instances come quickly, claims that are a little apart take many of them each. Where they
# come slowly that would only make each of them wait: what the last claim gave tells.
GAP_SECONDS_MAX: Final = 0.02
GAP_SECONDS_EACH: Final = 0.005
# A destination that refuses everything gets its refusals in a few large lots: each claim, batch and
# settlement takes the loop and the ledger from those that are well.
FRUITLESS_SECONDS: Final = 0.25
# The ledger failed: how long until it is asked again.
TROUBLE_SECONDS: Final = 1.0


def stock_target(pacing: Pacing) -> int:
    """Give how many instances of a priority should be at hand. Pure."""
    if isinstance(pacing.breaker, HalfOpen):
        return 1  # the trial; more would only be put back if it fails
    sessions, most = pacing.window.size, _allowed(pacing)
    if pacing.pace is None:
        return min(FIRST_INSTANCES, most)
    in_a_while = pacing.pace.instances_per_second * sessions * STOCK_SECONDS
    return int(min(max(in_a_while, 2 * sessions), STOCK_INSTANCES_MAX, most))


def gap_seconds(pacing: Pacing, came: int) -> float:
    """Give how far the next claim is from the last one, which gave `came` instances. Pure."""
    if pacing.is_fruitless:
        return FRUITLESS_SECONDS
    return min(max(came, 1) * GAP_SECONDS_EACH, GAP_SECONDS_MAX)


def _allowed(pacing: Pacing) -> int:
    """Give how many may leave in a while: what is beyond that others could send meanwhile."""
    rates, pace = pacing.rates, pacing.pace
    most = float(STOCK_INSTANCES_MAX)
    if rates.instances_per_second is not None:
        most = min(most, rates.instances_per_second * STOCK_SECONDS)
    if rates.bytes_per_second is not None and pace is not None and pace.bytes_per_second:
        mean_size = pace.bytes_per_second / pace.instances_per_second
        most = min(most, rates.bytes_per_second * STOCK_SECONDS / mean_size)
    return max(int(most), 2)


def exhausted(asked: Iterable[Priority], goods: list[Goods], limit: int) -> list[Priority]:
    """Give the priorities of which there is no more, after a claim that gave `goods`. Pure."""
    if len(goods) < limit and size_of(goods) < CLAIM_BYTES_MAX // 2:
        return list(asked)
    last = goods[-1].priority
    given = []
    for priority in asked:
        if priority == last:
            break
        given.append(priority)
    return given


class Claims:
    """Claims for one lane."""

    def __init__(  # noqa: PLR0913 - parts of one lane, by keyword
        self,
        name: str,
        books: Books,
        clock: Clock,
        *,
        stock: Stock,
        pacing: Pacing,
        is_open: Callable[[], bool],
        arrived: Callable[[], None],
        tell: Callable[[HilumError], None],
    ) -> None:
        self._name = name
        self._books = books
        self._clock = clock
        self._stock = stock
        self._pacing = pacing
        self._is_open = is_open
        self._arrived = arrived
        self._tell = tell
        self._more = dict.fromkeys(PRIORITIES, True)
        self._news = asyncio.Event()
        self._claimed_at = -FRUITLESS_SECONDS
        self._came = 0  # by the last claim
        self._is_ending = False

    def expect(self, priorities: Iterable[int] = PRIORITIES) -> None:
        """Look into the ledger: there may be something of these."""
        for priority in priorities:
            self._more[priority] = True
        self.look()

    def look(self) -> None:
        """Claim if something is wanted; cheap when it is not."""
        if not self._news.is_set() and self._wanted():
            self._news.set()

    def end(self) -> None:
        """Let run() end."""
        self._is_ending = True
        self._news.set()

    async def run(self) -> None:
        """Claim until end()."""
        while not self._is_ending:
            await self._news.wait()
            gap = gap_seconds(self._pacing, self._came)
            left = self._claimed_at + gap - self._clock.monotonic()
            if left > 0 and not self._is_ending:
                await asyncio.sleep(left)
            self._news.clear()
            wanted = self._wanted()
            if wanted and not self._is_ending:
                await self._claim(wanted)

    def _wanted(self) -> list[Priority]:
        """Name the priorities to claim: there may be some, and less than half is at hand."""
        # Asked after everything that happens: what is cheap to know comes first.
        if not any(self._more.values()) or self._books.is_in_trouble or not self._is_open():
            return []
        low = (stock_target(self._pacing) + 1) // 2
        return [p for p in _BY_PRIORITY if self._more[p] and self._stock.count(p) < low]

    async def _claim(self, wanted: list[Priority]) -> None:
        limit = max(stock_target(self._pacing) - min(self._stock.count(p) for p in wanted), 1)
        self._claimed_at = self._clock.monotonic()
        for priority in wanted:
            self._more[priority] = False  # unless somebody says otherwise from now on
        try:
            goods = await self._books.claim(self._name, wanted, limit)
        except HilumError as error:
            self._tell(error)
            await asyncio.sleep(TROUBLE_SECONDS)
            self.expect(wanted)
            return
        self._came = len(goods)
        empty = exhausted(wanted, goods, limit)
        for priority in wanted:
            self._more[priority] |= priority not in empty
        self._stock.add(goods)
        self._arrived()
