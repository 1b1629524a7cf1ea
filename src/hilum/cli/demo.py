"""`hilum demo`: watch a gateway work, be killed, and keep its promise."""

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from hilum.cli.demonstration.home import Home, settle
from hilum.cli.demonstration.play import perform
from hilum.cli.demonstration.scene import Scene
from hilum.cli.demonstration.stage import Stage, Terminal
from hilum.cli.peer import run
from hilum.kernel.errors import HilumError
from hilum.service.clock import SystemClock

_KEPT: Final = 0
_BROKEN: Final = 1
_SIGNALLED: Final = 128  # plus the number of the signal, as a shell would say
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def demo(
    *,
    keep: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    data: Path | None = None,
) -> int:
    """Watch Hilum work: a gateway, a pretend modality and generated data, on this machine only.

    It takes some ten seconds, uses free ports and a temporary folder, and leaves nothing behind.
    Exit code 0: the gateway has everything it answered success for; 1: it has not, or the
    demonstration could not be shown.

    Parameters
    ----------
    keep:
        Leave the gateway running with its data until Ctrl-C.
    data:
        A new folder to do it in, which stays.
    """
    with _home(data) as home:
        stage = Stage(Terminal(highlight=False))
        try:
            return run(_until_told_to_end(Scene(home, stage, SystemClock()), keeps=keep))
        except BrokenPipeError:
            raise
        except OSError as error:
            raise HilumError(f"the demonstration cannot go on: {error}") from error


@contextlib.contextmanager
def _home(data: Path | None) -> Iterator[Home]:
    """Give a folder to be at home in: the one that was named stays, any other goes at the end."""
    if data is not None:
        yield settle(data, stays=True)
        return
    with _temporary() as root:
        yield settle(Path(root), stays=False)


def _temporary() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="hilum-demo-", ignore_cleanup_errors=True)
    except OSError as error:
        raise HilumError(
            f"no temporary folder can be made: {error.strerror}; --data names another one"
        ) from error


async def _until_told_to_end(scene: Scene, *, keeps: bool) -> int:
    """Perform; whatever signal ends it, the gateway ends first and the folder is tidied."""
    loop = asyncio.get_running_loop()
    performance = asyncio.create_task(perform(scene, keeps=keeps))
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        performance.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end, number)
    try:
        await asyncio.wait({performance})
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    if performance.cancelled():
        print("interrupted; the gateway was stopped", file=sys.stderr)
        return _SIGNALLED + received[0]
    return _KEPT if performance.result() else _BROKEN
