"""A supply of what is here already."""

from collections.abc import AsyncIterator, Sequence

from hilum.pipeline.archive.ports import Holding, Missing


class AtHand:
    """Gives holdings without waiting for any (`pipeline.archive.ports.Supply`)."""

    def __init__(self, holdings: Sequence[Holding]) -> None:
        self.expected = self.holdings = holdings
        self.count = len(holdings)
        self.warnings: Sequence[str] = ()

    async def __aiter__(self) -> AsyncIterator[Holding | Missing]:
        """Give each of them."""
        for holding in self.holdings:
            yield holding

    def done(self, holding: Holding) -> None:
        """Nothing is kept for this supply alone."""

    async def aclose(self) -> None:
        """Nothing is open."""
