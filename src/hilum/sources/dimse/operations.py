"""The operations of one association: carried out one at a time, in the order they were asked for.

We negotiate no window for them (PS3.7 §D.3.3.3), so a peer that asks for more than one waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Protocol

from hilum.dimse.command import Command, CommandField
from hilum.dimse.upper.association import Context
from hilum.query.level import Model
from hilum.sources.dimse.finding import Finding
from hilum.sources.dimse.getting import Getting
from hilum.sources.dimse.moving import Moving
from hilum.sources.dimse.operation import Operation

# Behind the one that is going on. Their identifiers are in memory, so they cannot be many.
WAITING_MAX: Final = 4
# A peer that has asked for release reads no answers. What is at hand is sent all the same; what
# waits for an archive elsewhere is given up.
RELEASE_GRACE_SECONDS: Final = 0.4

_KINDS: Final[Mapping[tuple[int, str], type[Operation]]] = {
    (field, uid): kind
    for model in Model
    for field, uid, kind in (
        (CommandField.C_FIND_RQ, model.find_uid, Finding),
        (CommandField.C_MOVE_RQ, model.move_uid, Moving),
        (CommandField.C_GET_RQ, model.get_uid, Getting),
    )
}


def kind_of(context: Context, command: Command) -> type[Operation] | None:
    """Give what a command begins on its context; None: the SOP class has no such service."""
    return _KINDS.get((command.command_field, context.abstract_syntax))


class Running(Protocol):
    """What goes on beside the callbacks of a connection: an `Operation`, or storage commitment."""

    name: ClassVar[str]

    @property
    def message_id(self) -> int | None:
        """Give the number that a C-CANCEL would name."""
        ...

    @property
    def survives_release(self) -> bool:
        """Tell whether it can go on when the peer has asked for release."""
        ...

    @property
    def awaits_answer(self) -> bool:
        """Tell whether the peer owes us an answer to something that we asked it."""
        ...

    def cancel(self) -> None:
        """Stop soon: the peer does not want the rest."""
        ...

    def make_way(self) -> None:
        """Something else waits for it."""
        ...

    def take_response(self, command: Command) -> bool:
        """Take a response of the peer; False: nobody has asked for it."""
        ...

    async def run(self) -> None:
        """Carry it out; raises nothing."""
        ...


class Carried(Protocol):
    """Work that an association has begun."""

    async def run(self) -> None:
        """Carry it out; raises nothing."""
        ...


class RunningOperations:
    """The tasks of all associations of a process, so that somebody knows of each."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, operation: Carried, ended: Callable[[], None]) -> asyncio.Task[None]:
        """Begin with an operation; `ended` is called when it is over."""
        task = asyncio.get_running_loop().create_task(operation.run())
        self._tasks.add(task)

        def settle(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            ended()

        task.add_done_callback(settle)
        return task

    async def ended(self) -> None:
        """Return when all are over; their associations are, so that does not take long."""
        if self._tasks:
            await asyncio.wait(self._tasks)


class Operations:
    """What one association has asked for and not got yet."""

    def __init__(self, running: RunningOperations, settled: Callable[[], None]) -> None:
        """Begin with nothing; `settled` is called whenever nothing is left."""
        self._running = running
        self._settled = settled
        self._waiting: deque[Running] = deque()
        self._current: Running | None = None
        self._task: asyncio.Task[None] | None = None
        self._grace: asyncio.TimerHandle | None = None

    @property
    def current(self) -> Running | None:
        """Give what is going on."""
        return self._current

    @property
    def waiting(self) -> int:
        """Tell how much waits behind it."""
        return len(self._waiting)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is going on and nothing waits."""
        return self._current is None

    @property
    def is_full(self) -> bool:
        """Tell whether no more can wait."""
        return len(self._waiting) >= WAITING_MAX

    @property
    def awaits_answer(self) -> bool:
        """Tell whether what is going on waits for the peer."""
        return self._current is not None and self._current.awaits_answer

    def add(self, operation: Running) -> None:
        """Begin with an operation, or put it behind the others."""
        self._waiting.append(operation)
        if self._current is None:
            self._begin()
        else:
            self._current.make_way()

    def cancel(self, command: Command) -> None:
        """Stop what a C-CANCEL names, whether it was begun or not."""
        current = () if self._current is None else (self._current,)
        for operation in (*current, *self._waiting):
            if operation.message_id == command.message_id_being_responded_to:
                operation.cancel()

    def take_response(self, command: Command) -> bool:
        """Take a response of the peer; False: nobody has asked for it."""
        return self._current is not None and self._current.take_response(command)

    def release(self) -> None:
        """The peer asks for release: give up what cannot go on without it."""
        self._waiting = deque([one for one in self._waiting if one.survives_release])
        if self._current is not None and not self._current.survives_release and self._task:
            self._task.cancel()
        elif self._task is not None:
            self._grant_grace()

    def _grant_grace(self) -> None:
        """Look in a while whether what goes on still waits for an archive."""
        loop = asyncio.get_running_loop()
        self._grace = loop.call_later(RELEASE_GRACE_SECONDS, self._end_grace)

    def _end_grace(self) -> None:
        if self._task is None:
            return
        if isinstance(self._current, Operation) and self._current.awaits_archive:
            self._task.cancel()
        elif self._task is not None:
            self._grant_grace()

    def end(self) -> None:
        """The association is over: nothing can be answered any more."""
        self._waiting.clear()
        # It knows us: two that know each other wait for the garbage collector.
        self._settled = _nothing
        if self._grace is not None:
            self._grace.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        self._current = self._waiting.popleft()
        self._task = self._running.start(self._current, self._next)

    def _next(self) -> None:
        self._current = self._task = None
        if self._waiting:
            self._begin()
        else:
            self._settled()


def _nothing() -> None:
    """Hear that all is over when nobody is there any more."""
