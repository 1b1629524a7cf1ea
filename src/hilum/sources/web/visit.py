"""One request while it is answered: how it stands, and how it is ended before its time.

Who answers waits for others: for an archive elsewhere, a disk, the client itself. Ending a visit
cancels that wait, and so all that is done for it.
"""

import asyncio
import enum
from collections.abc import Callable

from hilum.sources.web.answering import Answering
from hilum.sources.web.exchange import Exchange

# Calls what it is given when the client closes the connection; None: nothing any more.
WhenGone = Callable[[Callable[[], None] | None], None]


class End(enum.Enum):
    """Why a visit ended before its time."""

    GONE = "its client closed the connection"
    ABORTED = "it was ended by an operator"


class Visit:
    """Made, begun and finished by the task that answers."""

    __slots__ = (
        "_task", "_when_gone", "answering", "began", "end", "exchange", "is_cut_off", "status",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, answering: Answering, began: float) -> None:
        self.exchange = exchange
        self.answering = answering
        self.began = began
        self.status = 0
        self.is_cut_off = False
        self.end: End | None = None
        self._task: asyncio.Task[object] | None = None
        self._when_gone: WhenGone | None = None

    def begin(self, when_gone: WhenGone | None) -> None:
        """Let it be ended from now on, until `finish`."""
        self._task = asyncio.current_task()
        if when_gone is not None:
            self._when_gone = when_gone
            when_gone(self._go)

    def finish(self) -> None:
        """Let nobody end it any more."""
        self._task = None
        if self._when_gone is not None:
            self._when_gone(None)

    def abort(self) -> None:
        """End it for an operator."""
        self._end(End.ABORTED)

    def take_back(self) -> bool:
        """Tell whether it was ended here, and not by who ended the task; it goes on then."""
        if self.end is None:
            return False
        task = asyncio.current_task()
        return task is not None and task.uncancel() == 0

    def _go(self) -> None:
        if self.exchange.ends_when_gone:
            self._end(End.GONE)

    def _end(self, end: End) -> None:
        if self._task is not None and self.end is None:
            self.end = end
            self._task.cancel()
