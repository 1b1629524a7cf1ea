"""The two ways in which instances come: C-GET, and C-MOVE to our own listener."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Final

from hilum.destinations.dimse.answering.ailing import NotOffered, underway
from hilum.destinations.dimse.answering.faces import tell
from hilum.destinations.dimse.answering.finder import Finder
from hilum.destinations.dimse.answering.gate import Entrance, Gate
from hilum.destinations.dimse.answering.parts import Part
from hilum.destinations.dimse.answering.pool import Loan, Pool
from hilum.destinations.dimse.answering.proposal import getting_inquiry
from hilum.destinations.dimse.endings import TooSlow
from hilum.destinations.dimse.requestor import Requestor
from hilum.destinations.dimse.retrieving import Retrieve, get, move
from hilum.dicom.dataset import DataSet
from hilum.dicom.sop_classes import sop_class_name
from hilum.dimse.status import Service, describe
from hilum.kernel.errors import HilumError
from hilum.kernel.names import UID, AETitle
from hilum.pipeline.answerers.ports import Homecomings
from hilum.query.level import Level, Model
from hilum.query.via import Via

Reasons = MutableMapping[str, str]
# A C-MOVE may be silent as long as instances come: that is looked at from outside.
_FOREVER_SECONDS: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of one part: what the peer says at its end, and what came.

    `stored`: instances that came and were answered with success, whether they were wanted or not.
    """

    stored: int
    said_sent: int = 0
    said_failed: int = 0


class Way(ABC):
    """How one part is brought. `service`: what is asked for."""

    service: Service

    def __init__(self, pool: Pool, model: Model, via: Via) -> None:
        """Take how it is asked for, and on whose behalf."""
        self._pool = pool
        self._model = model
        self._via = via

    @abstractmethod
    async def borrow(self, part: Part) -> Loan:
        """Give an association for a part. Raises NotOffered, or as `Pool.borrow` does."""

    @abstractmethod
    async def bring(self, loan: Loan, part: Part, gate: Gate, reasons: Reasons) -> Brought:
        """Bring a part through the gate; the loan ends with it. `reasons`: what the peer said.

        A cancelled task returns when the peer has stopped, or was left, a second later at most.

        Raises HilumError: see `ailing`.
        """

    def again(self) -> "Way":
        """Give the way in which what did not come is asked for once more."""
        return self

    def _model_for(self, part: Part) -> Model:
        """Name patients only where they are known."""
        if part.level == Level.PATIENT:
            return Model.PATIENT_ROOT
        return self._model if Level.PATIENT in part.keys else Model.STUDY_ROOT

    def _identifier(self, loan: Loan, part: Part, model: Model) -> DataSet:
        identifier = part.identifier(model)
        tell(loan.requestor, identifier, self._via)
        return identifier

    async def _run(
        self, loan: Loan, retrieve: Retrieve, body: "asyncio.Task[None]", gate: Gate
    ) -> None:
        """Wait for the end of a retrieval; when nobody waits any more, wind it up."""
        try:
            await asyncio.wait({body})
        except asyncio.CancelledError:
            gate.close()
            retrieve.cancel()
            self._pool.wind_up(loan)
            await _ended(body, loan.requestor)
            raise
        await body


async def _ended(body: "asyncio.Task[None]", requestor: Requestor) -> None:
    """Wait for the end of what is wound up; at once, if even that is cancelled."""
    try:
        await asyncio.wait({body})
    except asyncio.CancelledError:
        requestor.abort()


async def _follow(retrieve: Retrieve, entrance: Entrance) -> None:
    """Read a retrieval to its end."""
    with underway():
        async with contextlib.aclosing(retrieve.progress()) as progress:
            async for _ in progress:
                entrance.took(0)


def _explain(retrieve: Retrieve, service: Service, called: str, reasons: Reasons) -> None:
    """Keep what the peer says of what failed, in words that are the standard's."""
    if retrieve.ending is None:
        return
    words = f"{called} could not send it: {describe(retrieve.ending.status, service)}"
    reasons.update(dict.fromkeys(retrieve.failed, words))


def _brought(retrieve: Retrieve, entrance: Entrance) -> Brought:
    if retrieve.ending is None:
        return Brought(entrance.stored)
    counts = retrieve.ending.counts
    return Brought(entrance.stored, counts.completed + counts.warned, counts.failed)


class Getting(Way):
    """C-GET: what comes, comes on the association that asks (PS3.4 §C.4.3)."""

    service = Service.GET

    def __init__(
        self,
        pool: Pool,
        model: Model,
        via: Via,
        syntaxes: tuple[UID, ...],
        when_refused: Callable[[], None],
    ) -> None:
        super().__init__(pool, model, via)
        self._syntaxes = syntaxes
        self._when_refused = when_refused

    def again(self) -> Way:
        """Ask without a wish for transfer syntaxes: the peer may have no other than its own."""
        if not self._syntaxes:
            return self
        return Getting(self._pool, self._model, self._via, (), self._when_refused)

    async def borrow(self, part: Part) -> Loan:
        """Give an association with contexts for the classes of a part."""
        sop_class = UID(self._model_for(part).get_uid)
        inquiry = getting_inquiry(sop_class, part.classes, self._syntaxes)
        loan = await self._pool.borrow(inquiry, f"C-GET {part.level.name}")
        contexts = loan.requestor.contexts.values()
        if not any(one.abstract_syntax == sop_class and one.we_are_scu for one in contexts):
            self._pool.leave(loan)
            self._when_refused()
            raise NotOffered(f"{loan.requestor.address} does not offer {sop_class_name(sop_class)}")
        return loan

    async def bring(self, loan: Loan, part: Part, gate: Gate, reasons: Reasons) -> Brought:
        """Bring a part; see `Way`."""
        model = self._model_for(part)
        loan.entrance = entrance = Entrance(gate)
        identifier = self._identifier(loan, part, model)
        retrieve = get(loan.requestor, UID(model.get_uid), identifier, entrance)
        body = self._pool.work(loan, _follow(retrieve, entrance))
        try:
            await self._run(loan, retrieve, body, gate)
        finally:
            _explain(retrieve, self.service, loan.requestor.address.called, reasons)
        return _brought(retrieve, entrance)


class Moving(Way):
    """C-MOVE to our own listener, which knows what comes home (PS3.4 §C.4.2)."""

    service = Service.MOVE

    def __init__(  # noqa: PLR0913 - one argument for each thing it needs
        self,
        pool: Pool,
        model: Model,
        via: Via,
        finder: Finder,
        homecomings: Homecomings,
        *,
        answerer: str,
        destination: AETitle,
        patience_seconds: float,
    ) -> None:
        super().__init__(pool, model, via)
        self._finder = finder
        self._homecomings = homecomings
        self._answerer = answerer
        self._destination = destination
        self._patience_seconds = patience_seconds

    async def borrow(self, part: Part) -> Loan:
        """Give an association for asking: it has C-MOVE, too."""
        loan = await self._finder.borrow(f"C-MOVE {part.level.name}")
        sop_class = UID(self._model_for(part).move_uid)
        contexts = loan.requestor.contexts.values()
        if not any(one.abstract_syntax == sop_class and one.we_are_scu for one in contexts):
            self._pool.give_back(loan)
            raise NotOffered(f"{loan.requestor.address} does not offer {sop_class_name(sop_class)}")
        return loan

    async def bring(self, loan: Loan, part: Part, gate: Gate, reasons: Reasons) -> Brought:
        """Bring a part; see `Way`."""
        model = self._model_for(part)
        identifier = self._identifier(loan, part, model)
        retrieve = move(loan.requestor, UID(model.move_uid), identifier, self._destination)
        retrieve.seconds = _FOREVER_SECONDS
        loan.entrance = entrance = Entrance(gate)
        body = self._pool.work(loan, self._move(loan, retrieve, entrance))
        watch = _Watch(loan.requestor, entrance, self._patience_seconds)
        try:
            await self._run(loan, retrieve, body, gate)
        except HilumError as error:
            raise watch.complaint(error) from error
        finally:
            watch.stop()
            _explain(retrieve, self.service, loan.requestor.address.called, reasons)
        return _brought(retrieve, entrance)

    async def _move(self, loan: Loan, retrieve: Retrieve, entrance: Entrance) -> None:
        calling = loan.requestor.address.calling
        async with self._homecomings.expect(
            entrance, answerer=self._answerer, ae_title=calling
        ) as homecoming:
            retrieve.message_id = homecoming.message_id
            await _follow(retrieve, entrance)


class _Watch:
    """Ends an association on which nothing is said for too long, while nothing comes home."""

    def __init__(self, requestor: Requestor, entrance: Entrance, seconds: float) -> None:
        self._requestor = requestor
        self._entrance = entrance
        self._seconds = seconds
        self._is_late = False
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._look)

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def complaint(self, error: HilumError) -> HilumError:
        """Give what ended it: silence, or what it says itself."""
        if not self._is_late:
            return error
        return TooSlow(
            f"{self._requestor.address} did not answer our C-MOVE, nor send anything, within "
            f"{self._seconds:g} s"
        )

    def _look(self) -> None:
        left = self._entrance.heard_at + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._is_late = True
            self._requestor.abort()
