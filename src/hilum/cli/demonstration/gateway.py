"""A gateway in a process of its own: started, listened to, killed or stopped, always gone after.

What it says on standard output is read as it comes and kept in a file; that it is there is what it
says itself, on /readyz.
"""

import asyncio
import contextlib
import http.client
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from hilum.cli.demonstration.home import Home
from hilum.kernel.errors import HilumError

# A slow machine that imports everything from a cold disk; most are ready after one second.
START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 15.0
_PROBE_SECONDS: Final = 0.1
_TOLD_LINES: Final = 8

Line = dict[str, Any]  # Any: JSON
T = TypeVar("T")


class GatewayFailed(HilumError):
    """The gateway did not do what every gateway does."""


@dataclass(slots=True)
class Log:
    """What a gateway has said so far, and a way to wait for more."""

    lines: list[str] = field(default_factory=list)
    events: list[Line] = field(default_factory=list)
    is_over: bool = False
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self, stream: asyncio.StreamReader, home: Home) -> None:
        """Read `stream` to its end, which is that of the process, and copy it to the log file.

        Raises:
            OSError: there is no log file.
        """
        try:
            with home.log.open("ab", buffering=0) as copy:
                while line := await stream.readline():
                    with contextlib.suppress(OSError):  # a full disk is the gateway's to report
                        copy.write(line)
                    await self._add(line.decode(errors="replace").rstrip())
        finally:
            async with self._more:
                self.is_over = True
                self._more.notify_all()

    async def _add(self, line: str) -> None:
        async with self._more:
            self.lines.append(line)
            with contextlib.suppress(ValueError):  # what Python says when it cannot even start
                self.events.append(json.loads(line))
            self._more.notify_all()

    @property
    def complaint(self) -> str:
        """The last error it told of, or nothing."""
        errors = [one["message"] for one in self.events if one.get("level") == "error"]
        return f" Its log: {errors[-1]}" if errors else ""

    async def until(self, look: Callable[[list[Line]], T | None], *, seconds: float) -> T | None:
        """Give what `look` finds in the events; None when they end, or `seconds` do, without it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._more:
                while (found := look(self.events)) is None and not self.is_over:
                    await self._more.wait()
                return found
        return None

    async def event(self, name: str, *, seconds: float) -> Line | None:
        """Give the first event called `name`."""

        def look(events: list[Line]) -> Line | None:
            return next((one for one in events if one.get("event") == name), None)

        return await self.until(look, seconds=seconds)


@dataclass(slots=True)
class Gateway:
    """A running gateway. `seconds` is what it took to be ready."""

    process: asyncio.subprocess.Process
    log: Log
    began: float
    dimse_port: int = 0
    web_port: int = 0
    seconds: float = 0.0

    async def wait_until_ready(self) -> None:
        """Return when instances can be stored.

        Raises:
            GatewayFailed: it cannot start, or takes too long; the message has its last words.
        """
        deadline = self.began + START_SECONDS_MAX
        for name in ("ListenerOpened", "WebOpened", "GatewayStarted"):
            if await self.log.event(name, seconds=deadline - time.monotonic()) is None:
                raise self._failure("did not start")
        self.dimse_port, self.web_port = _ports(self.log.events)
        while (reason := await asyncio.to_thread(_not_ready, self.web_port)) is not None:
            if self.log.is_over or time.monotonic() > deadline:
                raise self._failure(f"is not ready: {reason}")
            await asyncio.sleep(_PROBE_SECONDS)
        self.seconds = time.monotonic() - self.began

    def kill(self) -> None:
        """End it as a power switch would: SIGKILL, which no process can prepare for."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def stop(self) -> None:
        """End it in good order; by force when it takes too long or we are in a hurry."""
        try:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await self.process.wait()
        except TimeoutError:
            self.kill()
            await self.process.wait()
        except BaseException:
            self.kill()
            raise

    def _failure(self, what: str) -> GatewayFailed:
        said = "\n".join(f"    {line}" for line in self.log.lines[-_TOLD_LINES:])
        return GatewayFailed(f"the gateway {what}. It said last:\n{said or '    nothing'}")


@contextlib.asynccontextmanager
async def started(home: Home) -> AsyncIterator[Gateway]:
    """Start `hilum serve` on the configuration of `home`; when this ends the process has ended."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hilum", "serve", "-c", str(home.config)),
        cwd=home.root,
        env=_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # Ctrl-C is meant for the demonstration, which then stops the gateway in its own order.
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    log = Log()
    following = asyncio.create_task(log.follow(process.stdout, home))
    gateway = Gateway(process, log, began)
    try:
        yield gateway
    finally:
        await gateway.stop()
        await following


def _environment() -> dict[str, str]:
    """Give our environment without settings: this gateway has no other than its file's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HILUM")}


def _ports(events: list[Line]) -> tuple[int, int]:
    ports = {one["event"]: int(one["port"]) for one in events if "port" in one}
    return ports["ListenerOpened"], ports["WebOpened"]


def _not_ready(port: int) -> str | None:
    """Ask /readyz; give what keeps the gateway from being ready, or None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS_MAX)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        document = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"/readyz does not answer ({type(error).__name__})"
    finally:
        connection.close()
    if response.status == http.client.OK:
        return None
    reasons = [f"{one['message']} {one.get('remedy', '')}" for one in document.get("reasons", [])]
    return " ".join(reasons) or f"/readyz answers {response.status}"
