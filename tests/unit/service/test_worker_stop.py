"""A worker that is told something by a signal: to stop, or to read its configuration again."""

import asyncio
import signal
from types import SimpleNamespace

from hilum.kernel.telemetry import Silence
from hilum.service.worker import _Work


class House:
    """Has a duty that never ends by itself, as all of them."""

    def __init__(self) -> None:
        self.config = SimpleNamespace(
            gateway=SimpleNamespace(ae_title="HILUM", data="d", durability="process")
        )
        self.order = []
        self.is_reloaded = asyncio.Event()

    async def open(self, _sockets) -> None:
        self.order.append("open")

    async def keep(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.order.append("duties are over")

    async def reload(self, _config) -> str:
        self.is_reloaded.set()
        return "All of it is in force."

    async def deliver(self) -> None:
        """Ends at once."""

    watch_folders = serve_web = deliver

    async def close(self) -> None:
        self.order.append("close")


def test_duties_are_over_before_anything_is_closed():
    house = House()
    systemd = SimpleNamespace(
        ready=lambda: None, stopping=lambda: None, watchdog_seconds=lambda: None
    )

    async def main() -> None:
        work = _Work(house, Silence(), systemd, reread=None)
        running = asyncio.create_task(work.run(None))
        await asyncio.sleep(0)
        work._stop.set()
        await asyncio.wait_for(running, 5)

    asyncio.run(main())
    assert house.order == ["open", "duties are over", "close"]


def test_a_reload_that_was_asked_for_before_the_worker_lived_is_not_lost():
    """The signal would have ended it; its parent blocks that until somebody takes it."""
    house = House()
    systemd = SimpleNamespace(
        ready=lambda: None,
        reloading=lambda: None,
        stopping=lambda: None,
        watchdog_seconds=lambda: None,
    )

    async def main() -> None:
        work = _Work(house, Silence(), systemd, reread=lambda: None)
        running = asyncio.create_task(work.run(None))
        await asyncio.wait_for(house.is_reloaded.wait(), 5)
        work._stop.set()
        await asyncio.wait_for(running, 5)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        # To this thread: another one, of another test, may not block it.
        signal.raise_signal(signal.SIGHUP)
        asyncio.run(main())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
