"""One run of `hilum send`, from its order to its tally: collect, plan, send, even interrupted."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hilum.cli.peer import run
from hilum.cli.sending.carrier import Service
from hilum.cli.sending.collect import Collector
from hilum.cli.sending.item import BadFile, Item, Skipped
from hilum.cli.sending.journal import Journal
from hilum.cli.sending.order import Order
from hilum.cli.sending.payload import CHUNK_BYTES, Payloads
from hilum.cli.sending.plan import AssociationPlan, plan
from hilum.cli.sending.progress import Display, watch
from hilum.cli.sending.rate import RateLimit
from hilum.cli.sending.run import send_all
from hilum.cli.sending.stop import Stop
from hilum.cli.sending.talk import Talk
from hilum.cli.sending.tally import Tally
from hilum.kernel.clock import Clock

_JOURNAL_SYNC_SECONDS: Final = 1.0
_LOOKING_SECONDS: Final = 0.5
# With a rate limit, about four chunks a second keep the flow even.
_CHUNKS_PER_SECOND: Final = 4
_CHUNK_BYTES_MIN: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Session:
    """Carries out one order."""

    order: Order
    clock: Clock
    display: Display
    talk: Talk

    def execute(self, tally: Tally) -> float:
        """Do everything, note it in `tally`, and give the seconds that sending took.

        Raises:
            Misconfigured: the journal cannot be used; nothing was sent.
        """
        with contextlib.ExitStack() as stack:
            journal: Journal | None = None
            if self.order.journal is not None:
                address = self.order.address
                peer = f"{address.called}@{address.place}"
                journal = stack.enter_context(Journal.open(self.order.journal, peer=peer))
            plans = plan(self._collected(tally, journal))
            if not plans:
                return 0.0
            payloads = stack.enter_context(Payloads(chunk_bytes=self._chunk_bytes()))
            started = self.clock.monotonic()
            run(self._send(plans, tally, payloads, journal))
            return self.clock.monotonic() - started

    def _collected(self, tally: Tally, journal: Journal | None) -> Iterator[Item]:
        """Yield what is still to be sent; note everything else."""
        shown_at = self.clock.monotonic()
        for finding in Collector(takes_damaged=self.order.takes_damaged).collect(self.order.paths):
            match finding:
                case BadFile():
                    tally.bad_files.append(finding)
                case Skipped():
                    tally.skipped.append(finding)
                case Item() if journal is not None and finding in journal:
                    tally.already_confirmed += 1
                case Item():
                    tally.expect(finding)
                    yield finding
            if (now := self.clock.monotonic()) - shown_at > _LOOKING_SECONDS:
                shown_at = now
                self.display.show(f"looking: {tally.instances:,} instances found", done=0, total=0)

    async def _send(
        self,
        plans: list[AssociationPlan],
        tally: Tally,
        payloads: Payloads,
        journal: Journal | None,
    ) -> None:
        stop = Stop()
        rate = self.order.bytes_per_second
        service = Service(
            address=self.order.address,
            options=self.order.options,
            retries=self.order.retries,
            payloads=payloads,
            tally=tally,
            stop=stop,
            talk=self.talk,
            clock=self.clock,
            journal=journal,
            limit=None if rate is None else RateLimit(rate, clock=self.clock),
        )
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(
                send_all(plans, service, associations=self.order.associations)
            )
            companions = [group.create_task(watch(tally, self.display, self.clock))]
            if journal is not None:
                companions.append(group.create_task(_keep_synced(journal, stop)))
            with self._interruptible(sending, stop):
                await asyncio.wait({sending})
            for companion in companions:
                companion.cancel()

    @contextlib.contextmanager
    def _interruptible(self, sending: asyncio.Task[None], stop: Stop) -> Iterator[None]:
        """Let the first Ctrl-C finish what is on the way, and the second end it at once."""

        def interrupt() -> None:
            if stop.is_wanted:
                sending.cancel()
            else:
                self.display.note("stopping after what is on the way; once more to stop at once")
                stop.because("interrupted")

        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, interrupt)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def _chunk_bytes(self) -> int:
        rate = self.order.bytes_per_second
        if rate is None:
            return CHUNK_BYTES
        return max(_CHUNK_BYTES_MIN, min(CHUNK_BYTES, rate // _CHUNKS_PER_SECOND))


async def _keep_synced(journal: Journal, stop: Stop) -> None:
    """Sync the journal every second: a power cut costs the confirmations of one."""
    while True:
        await asyncio.sleep(_JOURNAL_SYNC_SECONDS)
        try:
            await asyncio.to_thread(journal.sync)
        except OSError as error:
            stop.because(f"the journal cannot be synced: {error.strerror}")
            return
