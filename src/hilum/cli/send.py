"""`hilum send`: store files of any number and kind at a peer, and account for every one of them."""

import contextlib
import json as json_format
import sys
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from hilum.cli.peer import PeerOptions
from hilum.cli.sending.order import read_order
from hilum.cli.sending.progress import display
from hilum.cli.sending.session import Session
from hilum.cli.sending.summary import as_json, in_words
from hilum.cli.sending.talk import Talk
from hilum.cli.sending.tally import Tally
from hilum.cli.sending.words import printable
from hilum.service.clock import SystemClock

_ALL_WELL: Final = 0
_SOME_FAILED: Final = 1
_NOTHING: Final = 2


def send(  # noqa: PLR0913 - one argument an option
    target: str,
    /,
    *paths: Annotated[str, Parameter(allow_leading_hyphen=True)],
    peer: PeerOptions = PeerOptions(),  # noqa: B008 - frozen
    associations: int = 1,
    from_list: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    resume: Path | None = None,
    retries: int = 3,
    rate: str | None = None,
    damaged: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="")] = False,
    debug: Annotated[bool, Parameter(name=["--debug", "-d"], negative="")] = False,
) -> int:
    """Store instances at a peer: `hilum send PACS@10.0.0.5:104 study/ more.zip 'ct/*.dcm'`.

    Instances are sent as they are. If the peer does not take the transfer syntax of a file, the
    summary says so; nothing is converted. Exit code 0: all were sent; 1: some were not; 2: nothing
    to send, or the command makes no sense.

    Parameters
    ----------
    target:
        `[AET@]host:port`, or a host with the port as the next argument.
    paths:
        Files, folders (with all below them), zip archives, globs, a DICOMDIR (for the files it
        names), `-` for a list of paths on standard input.
    associations:
        How many associations to use at the same time.
    from_list:
        File with one path a line; `-` is standard input.
    resume:
        Journal of what the peer has confirmed. Give the same file again to send only the rest.
    retries:
        How often to try again what may pass: a lost association, a peer that is busy or full.
    rate:
        Bytes per second over all associations, for example 50MB or 800KiB.
    damaged:
        Also send files that are cut short or broken inside, as they are.
    json:
        Print one JSON object at the end, nothing else on standard output.
    quiet:
        Show no progress.
    verbose:
        Also tell about every association.
    debug:
        Also tell about every instance.
    """
    order = read_order(
        target,
        paths,
        peer=peer,
        associations=associations,
        from_list=from_list,
        journal=resume,
        retries=retries,
        rate=rate,
        takes_damaged=damaged,
    )
    tally = Tally()
    with contextlib.closing(display(sys.stderr, quiet=quiet)) as shown:
        talk = Talk(shown, about_associations=verbose, about_instances=debug)
        try:
            seconds = Session(order, SystemClock(), shown, talk).execute(tally)
        except KeyboardInterrupt:
            shown.note("interrupted while looking at the files; nothing was sent")
            return _SOME_FAILED
    if json:
        print(json_format.dumps(as_json(tally, peer=order.address, seconds=seconds)))
    else:
        for line in in_words(tally, peer=order.address, seconds=seconds):
            print(printable(line))
    return _exit_code(tally)


def _exit_code(tally: Tally) -> int:
    if not tally.is_all_well:
        return _SOME_FAILED
    return _ALL_WELL if tally.instances or tally.already_confirmed else _NOTHING
