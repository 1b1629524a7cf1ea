"""One round of a fetch: its parts over a few associations, each by one way."""

import asyncio
from collections import deque
from collections.abc import Sequence

from hilum.destinations.dimse.answering.ailing import Broken
from hilum.destinations.dimse.answering.gate import Gate
from hilum.destinations.dimse.answering.parts import Part
from hilum.destinations.dimse.answering.pool import Pool
from hilum.destinations.dimse.answering.ways import Brought, Reasons, Way
from hilum.destinations.dimse.refusals import OperationFailed
from hilum.kernel.errors import HilumError


class Round:
    """Brings parts through a gate.

    `errors`: why not all was brought, or asked for at all; `refused`: parts that the peer ended
    with a failure, which is among them.
    """

    def __init__(self, pool: Pool, gate: Gate, reasons: Reasons, *, at_once: int) -> None:
        self.errors: list[HilumError] = []
        self.brought: list[tuple[Part, Brought]] = []
        self.refused: list[Part] = []
        self._pool = pool
        self._gate = gate
        self._reasons = reasons
        self._at_once = at_once

    async def run(self, way: Way, parts: Sequence[Part]) -> None:
        """Ask for all parts."""
        turn = deque(parts)
        lanes = max(1, min(self._at_once, len(turn), self._pool.free))
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(self._lane(way, turn))

    async def _lane(self, way: Way, turn: deque[Part]) -> None:
        """Take one part after the other; when nothing more can be asked, leave the others."""
        try:
            while turn:
                await self._bring(way, turn.popleft())
        except HilumError as error:
            self.errors.append(error)

    async def _bring(self, way: Way, part: Part) -> None:
        """Bring one part.

        Raises HilumError: there is no association, or none any more.
        """
        while True:
            loan = await way.borrow(part)
            try:
                brought = await way.bring(loan, part, self._gate, self._reasons)
            except OperationFailed as error:
                self.errors.append(error)
                self.refused.append(part)
            except Broken:
                # It ended while it was idle: once more on another one, and then on a new one.
                if not loan.is_reused or loan.received_bytes:
                    raise
                continue
            else:
                self.brought.append((part, brought))
            return
