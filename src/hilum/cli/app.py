"""The command `hilum`: knows the name and the one line of every command, imports only the one used.

Nothing heavy is imported here: `hilum --help` takes a blink (design: under 0.3 s).
"""

import gc
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, NoReturn

from cyclopts import App, CycloptsError, UnknownCommandError
from rich.markup import escape

from hilum import __version__
from hilum.kernel.errors import HilumError, Misconfigured

FAILED: Final = 1
MISCONFIGURED: Final = 2  # also what cyclopts gives for an option that does not exist
READER_LEFT: Final = 141  # 128 + SIGPIPE, as a shell would say

# Our objects die by reference counting, and what is imported stays: looking for cycles at the
# default pace only costs, a twelfth of the start. But what ends early leaves cycles, 90 objects a
# cancelled retrieval: looked for five times less often than this, they were 40 MB after 10,000.
_GC_THRESHOLDS: Final = (10_000, 10, 10)

# By number: 0, 1, 2.
_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))

# A command is the function of its own name in the module of its own name.
COMMANDS: Final = {
    "serve": "Run the gateway.",
    "demo": "Watch it work: a gateway, a pretend modality and data in one.",
    "init": "Write a configuration file to start from.",
    "check": "Find every error in the configuration; say what it will do.",
    "echo": "Ask a peer whether it is there (C-ECHO).",
    "send": "Send files, folders and archives to a peer (C-STORE).",
    "find": "Ask a peer what it has (C-FIND).",
    "get": "Retrieve from a peer into a folder (C-GET).",
    "move": "Have a peer send to somebody, or to us (C-MOVE).",
    "recv": "Receive into a folder, until Ctrl-C.",
    "queue": "What destinations are owed; retry, hold, release, drop, replay.",
    "explain": "Why an instance, study or file goes where it goes, or does not.",
    "routes": "Try routes on files, and a new configuration against the old one.",
    "viewer": "Install OHIF, a viewer for the browser.",
    "key": "API keys for callers over HTTP: create, list, revoke.",
    "rebuild": "Make the ledger anew from the vault.",
    "conformance": "Print the DICOM Conformance Statement.",
}


def build() -> App:
    """Make the command line; the modules of the commands are named, not imported."""
    app = App(
        name="hilum",
        help="A DICOM gateway that answers success only for what is safely on disk.",
        version=f"hilum {__version__}",
        result_action="return_value",
        error_formatter=_usage,
    )
    for position, (name, line) in enumerate(COMMANDS.items()):
        app.command(f"hilum.cli.{name}:{name}", name=name, help=line, sort_key=position)
    return app


def run(tokens: Sequence[str] | None = None) -> int:
    """Do what `tokens` say (default: the command line) and give the exit code.

    What Hilum can explain is a message, never a traceback; a traceback is a bug.
    """
    try:
        code = build()(tokens)
        sys.stdout.flush()
    except HilumError as error:
        _tell(error)
        return MISCONFIGURED if isinstance(error, Misconfigured) else FAILED
    except BrokenPipeError:
        return _leave()
    except SystemExit as end:
        # rich makes that of a broken pipe, in our own output and in the help of cyclopts.
        if isinstance(end.__context__, BrokenPipeError):
            return _leave()
        raise
    return code if isinstance(code, int) else 0


def main() -> NoReturn:
    """Be the program."""
    gc.set_threshold(*_GC_THRESHOLDS)
    _open_missing_streams()
    sys.exit(run())


def _open_missing_streams() -> None:
    """Open /dev/null for each standard stream that whoever started us has closed (`>&-`).

    The next file would get its number otherwise, and what we say would be written into that file.
    """
    for descriptor, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is the one that is missing. Our children need it just as much.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - os's own
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def _leave() -> int:
    """Whoever read our output has enough (`| head`): nothing to say, and nobody to say it to."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    return READER_LEFT


def _usage(error: CycloptsError) -> str:
    """Say what is wrong with the command line.

    The message of cyclopts for a command that does not exist would import all that do.
    """
    if not isinstance(error, UnknownCommandError):
        command = " ".join(("hilum", *(error.command_chain or ())))
        return escape(f"hilum: {error} See {command} --help.")
    word = (error.unused_tokens or [""])[0]
    if chain := error.command_chain:
        # A command that is there, and has others below it.
        inner = " ".join(chain)
        return escape(f"hilum: {inner} has no command {word}. See hilum {inner} --help.")
    near = get_close_matches(word, COMMANDS, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(COMMANDS)}."
    return escape(f"hilum: there is no command {word}. {hint}")


def _tell(error: HilumError) -> None:
    from hilum.service.config_errors import InvalidConfig  # noqa: PLC0415 — heavy, and rare

    if isinstance(error, InvalidConfig):
        from hilum.cli.problems import print_problems  # noqa: PLC0415 — heavy, and rare

        print_problems(error.problems)
    else:
        print(f"hilum: {error}", file=sys.stderr)
