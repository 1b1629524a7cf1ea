"""One worker process from its first to its last line: an event loop, a house, and its signals."""

import asyncio
import ctypes
import gc
import signal
import sys
from collections.abc import Callable
from typing import Final

import uvloop

from hilum.kernel.errors import HilumError
from hilum.service.config_settings import Config
from hilum.service.events import ConfigurationRefused, ConfigurationReloaded, GatewayStarted
from hilum.service.house import House
from hilum.service.notify import Systemd
from hilum.service.opening import DataFolder
from hilum.service.sockets import Sockets
from hilum.service.telemetry import LiveTelemetry

# The loop waits at most so long for the interpreter when a scribe computes; the default of 5 ms
# would be longer than a whole commit.
_SWITCH_SECONDS: Final = 0.0005

# mallopt(3) of glibc: parameters, and what we want of them. Buffers go back to the system when they
# are freed instead of leaving holes, and a dozen threads share two heaps, not one each.
_MALLOPT: Final = ((-3, 256 * 1024), (-1, 1024 * 1024), (-8, 2))

Reread = Callable[[], Config]


def work(  # noqa: PLR0913 - parts of one process, by keyword
    config: Config,
    folder: DataFolder,
    telemetry: LiveTelemetry,
    sockets: Sockets,
    *,
    reread: Reread,
    systemd: Systemd,
    number: int = 1,
    is_behind: bool = False,
) -> None:
    """Be worker `number` until told to stop.

    `is_behind`: others were told to read the configuration again since `config` was read.

    Raises:
        Misconfigured, OSError: it cannot begin.
    """
    _tame_allocator()
    sys.setswitchinterval(_SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        house = House(config, folder, telemetry, worker=number)
        life = _Work(house, telemetry, systemd, reread)
        if is_behind:
            life.reload()
        runner.run(life.run(sockets))


def _tame_allocator() -> None:
    """Have memory follow what is in use; elsewhere than on glibc nothing is changed."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for parameter, value in _MALLOPT:
            library.mallopt(parameter, value)


class _Work:
    """The life of a worker."""

    def __init__(
        self,
        house: House,
        telemetry: LiveTelemetry,
        systemd: Systemd,
        reread: Reread,
    ) -> None:
        self._house = house
        self._telemetry = telemetry
        self._systemd = systemd
        self._reread = reread
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    def reload(self) -> None:
        """Read the configuration again, as soon as it lives."""
        self._reload.set()

    async def run(self, sockets: Sockets) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        # Whoever starts us blocks it: before there was anybody to take it, it would have ended us.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        house = self._house
        await house.open(sockets)
        # What exists now lives as long as the process.
        gc.freeze()
        self._say_started()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(house.keep())
            duties = [group.create_task(duty) for duty in (self._reloads(), self._watchdog())]
            ending = [
                group.create_task(duty)
                for duty in (house.deliver(), house.watch_folders(), house.serve_web())
            ]
            await self._stop.wait()
            self._systemd.stopping()
            # What it does once in a while uses what is closed now.
            keeping.cancel()
            await asyncio.wait({keeping})
            await house.close()
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*ending)

    async def _reloads(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            self._systemd.reloading()
            try:
                config = await asyncio.to_thread(self._reread)
                # A destination's certificate, say, is only tried here: that ends no gateway.
                remark = await self._house.reload(config)
            except (HilumError, OSError) as error:
                self._telemetry.emit(ConfigurationRefused(str(error)))
            else:
                self._telemetry.emit(ConfigurationReloaded(remark))
            self._systemd.ready()

    async def _watchdog(self) -> None:
        seconds = self._systemd.watchdog_seconds()
        while seconds is not None:
            self._systemd.alive()
            await asyncio.sleep(seconds)

    def _say_started(self) -> None:
        from hilum import __version__  # noqa: PLC0415 - hilum's own root imports nothing of it

        gateway = self._house.config.gateway
        self._telemetry.emit(
            GatewayStarted(
                __version__, gateway.ae_title, str(gateway.data), f"durability {gateway.durability}"
            )
        )
        self._systemd.ready()
