"""Sessions with one destination that are not in use: whoever needs one next takes the latest.

A session closes its connection by itself when it was idle for `keep_alive_seconds`; what is kept
here is then only its object.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from hilum.pipeline.ports import Destination, Session

# A session has a deadline of its own for its end; this is the net below it.
CLOSE_SECONDS_MAX: Final = 15.0


class Sessions:
    """A pool; who takes from it keeps to the destination's limit."""

    def __init__(self, tell_fault: Callable[[BaseException], None]) -> None:
        self._tell_fault = tell_fault
        self._destination: Destination | None = None
        self._idle: list[Session] = []
        self._of: dict[int, Destination] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def take(self, destination: Destination) -> Session:
        """Give an idle session, or a new one. Those with a destination of before are closed."""
        if destination is not self._destination:
            self._destination = destination
            self._close_idle()
        session = self._idle.pop() if self._idle else destination.session()
        self._of[id(session)] = destination
        return session

    def give_back(self, session: Session, *, is_whole: bool) -> None:
        """Keep it for the next one, unless it was left in the middle or is of before."""
        destination = self._of.pop(id(session), None)
        if is_whole and destination is self._destination:
            self._idle.append(session)
        else:
            self._close(session)

    async def aclose(self) -> None:
        """Close all that are idle, and wait for those that are being closed."""
        self._close_idle()
        if self._closing:
            await asyncio.wait(self._closing)

    def _close_idle(self) -> None:
        idle, self._idle = self._idle, []
        for session in idle:
            self._close(session)

    def _close(self, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(self._end(session))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _end(self, session: Session) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await session.aclose()
        except TimeoutError:
            pass  # it is let go of; what is left of it ends with its sockets
        except Exception as error:  # noqa: BLE001 - a session's fault must not end the others
            self._tell_fault(error)
