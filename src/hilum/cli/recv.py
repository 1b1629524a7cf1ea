"""`hilum recv`: a plain receiver that keeps what comes in as files."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from hilum.cli.peer import run
from hilum.cli.querying.getting import kept_in_words
from hilum.cli.querying.interruption import interruptible
from hilum.cli.querying.keeping import Folder
from hilum.cli.sending.progress import Display, Speed, display
from hilum.cli.sending.words import count_of, printable, size_of
from hilum.kernel.errors import Misconfigured
from hilum.kernel.names import AETitle, ae_title
from hilum.sources.dimse.receiver import Receiver

_ALL_WELL: Final = 0
_FAILED: Final = 1
_PORT: Final = 11112


def recv(
    folder: Path,
    port: int = _PORT,
    /,
    *,
    called: Annotated[str | None, Parameter(name=["--called", "-aet"])] = None,
    host: str | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="")] = False,
) -> int:
    """Receive instances into a folder until Ctrl-C: `hilum recv incoming/ 11113`.

    For a quick look: it lets anybody in and forgets who it was. The gateway (`hilum serve`) knows
    its peers. Exit code 0: all that came was kept; 1: something was not.

    Parameters
    ----------
    folder:
        Files are `study/series/instance.dcm`, named by their UIDs, and survive a power cut.
    port:
        Port to listen on.
    called:
        Answer to this AE title only.
    host:
        Address to listen on; default: all.
    quiet:
        Show no progress.
    verbose:
        Also tell about every association.
    """
    kept = Folder(folder, synced=True)
    title = None if called is None else _title(called)
    with kept.ready(), contextlib.closing(display(sys.stderr, quiet=quiet)) as shown:
        told = shown.note if verbose else _unheard
        receiver = Receiver(host, port, kept, called=title, told=told)
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            run(_receive(receiver, kept, shown))
    print(printable(f"{count_of(kept.kept.instances, 'instance')} in {folder}"))
    for line in kept_in_words(kept):
        print(printable(line))
    return _FAILED if kept.kept.refused else _ALL_WELL


def _title(text: str) -> AETitle:
    try:
        return ae_title(text)
    except ValueError as error:
        raise Misconfigured(f"--called: {error}") from error


def _unheard(text: str) -> None:
    """Tell nobody."""
    del text


async def _receive(receiver: Receiver, folder: Folder, shown: Display) -> None:
    with interruptible():
        async with receiver.listening() as port:
            shown.note(f"listening on port {port}; Ctrl-C ends")
            speed, seen = Speed(), 0
            loop = asyncio.get_running_loop()
            while True:
                await asyncio.sleep(shown.interval_seconds)
                rate = speed.sample(loop.time(), folder.kept.bytes_seen)
                if folder.kept.bytes_seen != seen:
                    seen = folder.kept.bytes_seen
                    line = f"{count_of(folder.kept.instances, 'instance')}  {size_of(rate)}/s"
                    shown.show(line, done=0, total=0)
