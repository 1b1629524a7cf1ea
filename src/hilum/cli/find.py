"""`hilum find`: ask a peer what it has (C-FIND, PS3.4 Annex C)."""

import asyncio
import sys
from typing import Annotated, Final

from cyclopts import Parameter

from hilum.cli.peer import PeerOptions, run, with_port
from hilum.cli.querying.answers import answers_for
from hilum.cli.querying.asking import Asking, Outcome, advice_on, in_words
from hilum.cli.querying.interruption import interruptible
from hilum.cli.querying.question import QuestionOptions
from hilum.destinations.dimse.refusals import OperationFailed
from hilum.kernel.errors import Misconfigured

_ANSWERED: Final = 0
_FAILED: Final = 1


def find(  # noqa: PLR0913 - one argument an option
    target: str,
    port: str | None = None,
    /,
    *,
    peer: PeerOptions = PeerOptions(),  # noqa: B008 - frozen
    question: QuestionOptions = QuestionOptions(),  # noqa: B008 - frozen
    fuzzy: Annotated[bool, Parameter(negative="")] = False,
    limit: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="")] = False,
    debug: Annotated[bool, Parameter(name=["--debug", "-d"], negative="")] = False,
) -> int:
    """Ask a peer what it has: `hilum find PACS@10.0.0.5:104 --name 'DOE*' --date 20260101-`.

    Prints a table, or with --json one DICOM JSON object a line. Exit code 0: it answered, also
    when nothing matches; 1: it did not, or Ctrl-C cut it short; 2: the command makes no sense.

    Parameters
    ----------
    target:
        `[AET@]host:port`, or a host with the port as the next argument.
    port:
        Port, if the target has none.
    fuzzy:
        Offer fuzzy matching of names.
    limit:
        How many matches to show; the peer is asked to stop then.
    json:
        Print DICOM JSON (PS3.18 Annex F), one object a line.
    quiet:
        Print matches only, no count.
    verbose:
        Also tell what the peer agreed to.
    debug:
        The same as --verbose.
    """
    if limit is not None and limit < 1:
        raise Misconfigured(f"--limit {limit}: give at least 1")
    asking = Asking(
        address=peer.address(with_port(target, port)),
        options=peer.requestor_options(),
        question=question.question(),
        limit=limit,
        fuzzy=fuzzy,
        is_verbose=verbose or debug,
    )
    asking.question.identifier()  # what cannot be sent is said before anybody is called
    try:
        return run(_find(asking, json=json, quiet=quiet))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("interrupted", file=sys.stderr)
        return _FAILED
    except OperationFailed as error:
        print(f"hilum: {failure_in_words(error, asking)}", file=sys.stderr)
        return _FAILED


async def _find(asking: Asking, *, json: bool, quiet: bool) -> int:
    answers = answers_for(asking.question, json=json)
    with interruptible() as interruption:
        outcome = await asking.execute(answers, interruption)
        _tell(outcome, asking, quiet=quiet)
        return _FAILED if interruption.is_wanted else _ANSWERED


def _tell(outcome: Outcome, asking: Asking, *, quiet: bool) -> None:
    sys.stdout.flush()
    if not quiet:
        level = asking.question.level
        print(in_words(outcome, level=level, address=asking.address), file=sys.stderr)
    for note in outcome.notes:
        print(note, file=sys.stderr)


def failure_in_words(error: OperationFailed, asking: Asking) -> str:
    """Say what a peer answered instead of matches, with its own words, and what may help."""
    said = error.words.partition("): ")[2]
    parts = [f"{error}", f'It says: "{said}"' if said else "", advice_on(error, asking.question)]
    return ". ".join(part.rstrip(".") for part in parts if part) + "."
