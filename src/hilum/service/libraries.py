"""The log of the libraries we use (asyncio, uvicorn, SQLAlchemy), brought into ours.

What may hold patient data is left out: texts of errors about values, parameters of statements, and
query strings of requests.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hilum.kernel.errors import HilumError
from hilum.kernel.telemetry import Telemetry
from hilum.service.log_events import LibraryFailed, LibraryWarned

# Below this the libraries talk about their inner life, and SQLAlchemy about the parameters of
# statements. Never lower, whatever the level of our own events.
LIBRARY_LEVEL: Final = logging.WARNING

# Their messages quote values of data sets.
QUOTING_LIBRARIES: Final = ("pydicom", "pynetdicom")

# Errors whose text is about programs and systems. The text of any other (ValueError, KeyError,
# those of SQL drivers) may quote the value it choked on.
TELLING_ERRORS: Final = (
    HilumError,
    OSError,
    AttributeError,
    ImportError,
    MemoryError,
    NameError,
    RuntimeError,
    TypeError,
)

WITHHELD: Final = "(text withheld, it may quote a data set)"

# Innermost calls of a traceback: enough to see where, short enough for one line.
CALLS_MAX: Final = 10


class LibraryHandler(logging.Handler):
    """Turns records of the standard logging module into events."""

    def __init__(self, telemetry: Telemetry) -> None:
        super().__init__(LIBRARY_LEVEL)
        # Counted here and not by the event: a record may come out of a finaliser, which may run
        # while this very thread holds the lock of a metric.
        self.errors = 0
        self._telemetry = telemetry

    def emit(self, record: logging.LogRecord) -> None:
        """Bring `record` into our log. Never raises."""
        error = record.exc_info[1] if record.exc_info else None
        text = _text_of(record)
        if error is not None:
            text = f"{text.rstrip(': ')}: {error_text(error)}"
        kind: type[LibraryWarned | LibraryFailed] = LibraryWarned
        if record.levelno >= logging.ERROR:
            self.errors += 1
            kind = LibraryFailed
        self._telemetry.emit(
            kind(
                library=record.name,
                text=text,
                error="" if error is None else type(error).__name__,
                calls=() if error is None else calls_of(error),
            )
        )


def _text_of(record: logging.LogRecord) -> str:
    if record.name.startswith(QUOTING_LIBRARIES):
        return WITHHELD
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 -- a library's bad format string is no reason to fail
        return str(record.msg)
    if record.name == "py.warnings":
        # "path:line: Category: text": pydicom puts the values it warns about into the text.
        return ": ".join(text.split(": ", 2)[:2])
    return text


def error_text(error: BaseException) -> str:
    """Give the text of `error` unless it may quote a value."""
    return str(error) if isinstance(error, TELLING_ERRORS) else f"{type(error).__name__} {WITHHELD}"


def calls_of(error: BaseException) -> tuple[str, ...]:
    """Give the innermost calls that led to `error`, outermost first."""
    walk = traceback.walk_tb(error.__traceback__)
    calls = traceback.StackSummary.extract(walk, lookup_lines=False)  # reads no source files
    return tuple(f"{call.filename}:{call.lineno} {call.name}" for call in calls[-CALLS_MAX:])


@contextmanager
def library_logs(handler: logging.Handler) -> Iterator[None]:
    """Send what libraries log and warn to `handler`, and nothing anywhere else, while it lasts."""
    root, access = logging.getLogger(), logging.getLogger("uvicorn.access")
    before = (root.handlers[:], root.level, access.disabled)
    root.handlers[:], access.disabled = [handler], True  # its lines hold query strings
    root.setLevel(LIBRARY_LEVEL)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:], root.level, access.disabled = before
