"""The pretend modality: it sends as `hilum send` does, with the same code, and takes notes."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hilum.cli.sending.carrier import Service
from hilum.cli.sending.collect import Collector
from hilum.cli.sending.item import Item
from hilum.cli.sending.journal import Journal
from hilum.cli.sending.payload import Payloads
from hilum.cli.sending.plan import plan
from hilum.cli.sending.progress import Quiet
from hilum.cli.sending.rate import RateLimit
from hilum.cli.sending.run import send_all
from hilum.cli.sending.stop import Stop
from hilum.cli.sending.talk import Talk
from hilum.cli.sending.tally import Tally
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.kernel.clock import Clock
from hilum.kernel.names import UID


class Notes(Tally):
    """A tally that also remembers which instances were answered with success."""

    acknowledged: list[UID]

    def __init__(self, answered: Callable[[int], None] = lambda _: None) -> None:
        """Call `answered` with their number after each."""
        super().__init__()
        self.acknowledged = []
        self._answered = answered

    def confirm(self, item: Item, status: int) -> None:
        """Note an instance that the gateway has answered for."""
        super().confirm(item, status)
        self.acknowledged.append(item.sop_instance_uid)
        self._answered(len(self.acknowledged))


class Modality:
    """A sender with one address in its address book."""

    def __init__(self, address: Address, clock: Clock) -> None:
        self.address = address
        self._clock = clock

    async def send(
        self,
        folder: Path,
        notes: Notes,
        *,
        associations: int = 1,
        bytes_per_second: int | None = None,
        journal: Path | None = None,
    ) -> float:
        """Send what lies below `folder` and note what became of it; give the seconds it took.

        Nothing is repeated: what a lost association has cost is left for another call with the same
        journal, as with `hilum send --retries 0 --resume`.
        """
        with ExitStack() as stack:
            book = None
            if journal is not None:
                peer = f"{self.address.called}@{self.address.place}"
                book = stack.enter_context(Journal.open(journal, peer=peer))
            service = Service(
                address=self.address,
                options=RequestorOptions(),
                retries=0,
                payloads=stack.enter_context(Payloads()),
                tally=notes,
                stop=Stop(),
                talk=Talk(Quiet(sys.stderr)),
                clock=self._clock,
                journal=book,
                limit=RateLimit(bytes_per_second, clock=self._clock) if bytes_per_second else None,
            )
            items = await asyncio.to_thread(_items, folder)
            left = [item for item in items if book is None or item not in book]
            notes.already_confirmed += len(items) - len(left)
            for item in left:
                notes.expect(item)
            began = self._clock.monotonic()
            await send_all(plan(left), service, associations=associations)
            return self._clock.monotonic() - began


def _items(folder: Path) -> list[Item]:
    return [found for found in Collector().collect([str(folder)]) if isinstance(found, Item)]
