"""Instances of a supply as an answer needs them: all of them, or one by one as they come.

What an answer lacks is told by its status as long as its head has not left; after that the answer
is broken off, so that nobody takes it for the whole.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

from hilum.dicomweb.refusal import RequestRefused
from hilum.kernel.errors import Unreachable
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.archive.ports import Holding, Missing, Supply
from hilum.sources.web.lists import close

# Nobody knows better what was wrong with all of them.
_BAD_GATEWAY = 502


class Incomplete(Unreachable):
    """An instance of an answer that was begun cannot be had."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that there is of a supply, in its order, and what is missing."""

    holdings: Sequence[Holding]
    missing: Sequence[Missing] = ()


async def gathered(supply: Supply) -> Gathered:
    """Wait for everything.

    Raises:
        AnswererFailed: nothing can be had.
        RequestRefused: 502, each of them is missing.
    """
    if supply.holdings is not None:
        return Gathered(supply.holdings)
    coming = aiter(supply)
    landed: dict[str, Holding] = {}
    missing: list[Missing] = []
    try:
        async for one in coming:
            if isinstance(one, Missing):
                missing.append(one)
            else:
                landed[one.sop_instance_uid] = one
    finally:
        await close(coming)
    if missing and not landed:
        raise nothing_of(missing)
    # What nobody has listed keeps the order in which it came.
    uids = [one.sop_instance_uid for one in supply.expected] or list(landed)
    return Gathered([landed[uid] for uid in uids if uid in landed], missing)


def nothing_of(missing: Sequence[Missing]) -> RequestRefused:
    """Refuse a request of which nothing can be had."""
    reasons = ", ".join(dict.fromkeys([one.reason for one in missing]))
    number = len(missing)
    return RequestRefused(_BAD_GATEWAY, f"none of its {number} instances can be had: {reasons}")


class Coming:
    """Holdings as they come. `missing`: what was known to be when the first one was here."""

    def __init__(self, supply: Supply) -> None:
        self.missing: list[Missing] = []
        self._supply = supply
        self._coming: AsyncIterator[Holding | Missing] = aiter(supply)
        self._first: Holding | None = None

    async def begin(self) -> None:
        """Wait for the first.

        Raises:
            AnswererFailed, RequestRefused: there will be none.
        """
        async for one in self._coming:
            if not isinstance(one, Missing):
                self._first = one
                return
            self.missing.append(one)
        raise nothing_of(self.missing)

    async def each(self) -> AsyncGenerator[Holding]:
        """Give them one by one; each is let go of when the next one is asked for.

        Raises:
            Incomplete: one is missing that was not known to be.
        """
        holding = self._first
        while holding is not None:
            yield holding
            self._supply.done(holding)
            holding = await self._next()

    async def aclose(self) -> None:
        """Wait for no more."""
        await close(self._coming)

    async def _next(self) -> Holding | None:
        try:
            one = await anext(self._coming, None)
        except AnswererFailed as error:
            raise Incomplete(f"the rest cannot be had: {error}") from error
        if isinstance(one, Missing):
            raise Incomplete(f"instance {one.sop_instance_uid} cannot be had: {one.reason}")
        return one
