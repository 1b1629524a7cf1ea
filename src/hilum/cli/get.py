"""`hilum get`: retrieve from a peer into a folder (C-GET, PS3.4 §C.4.3)."""

import asyncio
import contextlib
import json as json_format
import sys
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from hilum.cli.peer import PeerOptions, run, with_port
from hilum.cli.querying.getting import Getting, as_json, in_words
from hilum.cli.querying.interruption import interruptible
from hilum.cli.querying.keeping import Folder
from hilum.cli.querying.question import QuestionOptions
from hilum.cli.querying.retrieval import Tally, Wish
from hilum.cli.querying.targets import check_narrow
from hilum.cli.sending.progress import display
from hilum.cli.sending.words import printable
from hilum.kernel.errors import HilumError
from hilum.service.clock import SystemClock

_ALL_WELL: Final = 0
_FAILED: Final = 1
_NOTHING: Final = 2


def get(  # noqa: PLR0913 - one argument an option
    target: str,
    port: str | None = None,
    /,
    *,
    to: Annotated[Path, Parameter(name=["--to", "--output-directory", "-od"])] = Path(),
    peer: PeerOptions = PeerOptions(),  # noqa: B008 - frozen
    question: QuestionOptions = QuestionOptions(),  # noqa: B008 - frozen
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="")] = False,
    debug: Annotated[bool, Parameter(name=["--debug", "-d"], negative="")] = False,
) -> int:
    """Retrieve instances into a folder: `hilum get PACS@10.0.0.5:104 --accession A17 --to study/`.

    What is not named by UIDs is looked for first (C-FIND). Files are `study/series/instance.dcm`,
    named by their UIDs, with the bytes as the peer sends them. Exit code 0: everything came;
    1: something did not; 2: nothing matches, or the command makes no sense.

    Parameters
    ----------
    target:
        `[AET@]host:port`, or a host with the port as the next argument.
    port:
        Port, if the target has none.
    to:
        The folder; it is made if it is not there.
    json:
        Print one JSON object at the end, nothing else on standard output.
    quiet:
        Show no progress.
    verbose:
        Also tell what the peer agreed to.
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
    folder = Folder(to, synced=False)
    tally = Tally()
    with folder.ready(), contextlib.closing(display(sys.stderr, quiet=quiet)) as shown:
        getting = Getting(wish, folder, shown, SystemClock())
        try:
            seconds, error, was_stopped = run(_get(getting, tally))
        except (KeyboardInterrupt, asyncio.CancelledError):
            seconds, error, was_stopped = 0.0, "interrupted", True
    for note in tally.notes:
        print(note, file=sys.stderr)
    if json:
        said = as_json(tally, getting, seconds=seconds)
        print(json_format.dumps({**said, "error": error or None}))
    elif not error or folder.kept.instances:
        for line in in_words(tally, getting, seconds=seconds):
            print(printable(line))
    if error and not json:
        print(f"hilum: {error}", file=sys.stderr)
    if error or was_stopped or not tally.is_all_well or folder.kept.refused:
        return _FAILED
    return _ALL_WELL if folder.kept.instances else _NOTHING


async def _get(getting: Getting, tally: Tally) -> tuple[float, str, bool]:
    """Give the seconds it took, what it failed with, and whether somebody stopped it."""
    started = getting.clock.monotonic()
    with interruptible() as interruption:
        try:
            seconds = await getting.execute(tally, interruption)
        except HilumError as error:
            return getting.clock.monotonic() - started, str(error), interruption.is_wanted
        return seconds, "", interruption.is_wanted
