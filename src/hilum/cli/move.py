"""`hilum move`: have a peer send what it has to somebody, or to us (C-MOVE, PS3.4 §C.4.2)."""

import asyncio
import contextlib
import json as json_format
import sys
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from hilum.cli.peer import PeerOptions, run, with_port
from hilum.cli.querying.interruption import interruptible
from hilum.cli.querying.keeping import Folder
from hilum.cli.querying.moving import Moving, as_json, in_words
from hilum.cli.querying.question import QuestionOptions
from hilum.cli.querying.retrieval import Tally, Wish
from hilum.cli.querying.targets import check_narrow
from hilum.cli.sending.progress import display
from hilum.cli.sending.words import printable
from hilum.kernel.errors import HilumError, Misconfigured
from hilum.kernel.names import AETitle, ae_title
from hilum.service.clock import SystemClock
from hilum.sources.dimse.receiver import Receiver

_ALL_WELL: Final = 0
_FAILED: Final = 1
_NOTHING: Final = 2
_PORT: Final = 11112


def move(  # noqa: PLR0913 - one argument an option
    target: str,
    port: str | None = None,
    /,
    *,
    destination: Annotated[str | None, Parameter(name=["--destination", "-aem"])] = None,
    to: Annotated[Path | None, Parameter(name=["--to", "--output-directory", "-od"])] = None,
    receive_port: Annotated[int, Parameter(name=["--receive-port", "--port"])] = _PORT,
    peer: PeerOptions = PeerOptions(),  # noqa: B008 - frozen
    question: QuestionOptions = QuestionOptions(),  # noqa: B008 - frozen
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="")] = False,
    debug: Annotated[bool, Parameter(name=["--debug", "-d"], negative="")] = False,
) -> int:
    """Have a peer send: `hilum move PACS@10.0.0.5:104 --study 1.2.3 --destination WORKSTATION`.

    With --to it sends to us: the peer must know our AE title (-aet), this host and --port. What is
    not named by UIDs is looked for first (C-FIND). Exit code 0: everything was sent; 1: something
    was not; 2: nothing matches, or the command makes no sense.

    Parameters
    ----------
    target:
        `[AET@]host:port`, or a host with the port as the next argument.
    port:
        Port, if the target has none.
    destination:
        AE title to send to, which the peer must know.
    to:
        Receive into this folder ourselves.
    receive_port:
        Port to receive on, with --to.
    json:
        Print one JSON object at the end, nothing else on standard output.
    quiet:
        Show no progress.
    verbose:
        Also tell what the peer agreed to, and who calls us.
    debug:
        The same as --verbose.
    """
    wish = Wish(
        peer.address(with_port(target, port)),
        peer.requestor_options(),
        question.question(),
        is_verbose=verbose or debug,
    )
    check_narrow(wish.question)
    wish.question.identifier()
    title = _destination(destination, to, wish.address.calling)
    folder = None if to is None else Folder(to, synced=False)
    tally = Tally()
    with contextlib.ExitStack() as stack:
        if folder is not None:
            stack.enter_context(folder.ready())
        shown = stack.enter_context(contextlib.closing(display(sys.stderr, quiet=quiet)))
        receiver = None
        if folder is not None:
            told = shown.note if wish.is_verbose else _unheard
            receiver = Receiver(None, receive_port, folder, called=title, told=told)
        moving = Moving(wish, title, shown, SystemClock(), receiver, folder)
        try:
            seconds, error, was_stopped = run(_move(moving, tally))
        except (KeyboardInterrupt, asyncio.CancelledError):
            seconds, error, was_stopped = 0.0, "interrupted", True
    _tell(tally, moving, seconds, error, json=json)
    if error or was_stopped or not tally.is_all_well or (folder and folder.kept.refused):
        return _FAILED
    return _ALL_WELL if tally.ended or (folder and folder.kept.instances) else _NOTHING


def _destination(destination: str | None, to: Path | None, calling: AETitle) -> AETitle:
    if destination is None and to is None:
        raise Misconfigured("say where to: --destination AET, or --to folder to receive ourselves")
    if destination is None:
        return calling
    try:
        return ae_title(destination)
    except ValueError as error:
        raise Misconfigured(f"--destination: {error}") from error


def _unheard(text: str) -> None:
    """Tell nobody."""
    del text


async def _move(moving: Moving, tally: Tally) -> tuple[float, str, bool]:
    """Give the seconds it took, what it failed with, and whether somebody stopped it."""
    started = moving.clock.monotonic()
    with interruptible() as interruption:
        try:
            seconds = await moving.execute(tally, interruption)
        except HilumError as error:
            return moving.clock.monotonic() - started, str(error), interruption.is_wanted
        return seconds, "", interruption.is_wanted


def _tell(tally: Tally, moving: Moving, seconds: float, error: str, *, json: bool) -> None:
    for note in tally.notes:
        print(note, file=sys.stderr)
    if json:
        said = as_json(tally, moving, seconds=seconds)
        print(json_format.dumps({**said, "error": error or None}))
        return
    if not error or tally.ended:
        for line in in_words(tally, moving, seconds=seconds):
            print(printable(line))
    if error:
        print(f"hilum: {error}", file=sys.stderr)
