"""One C-FIND after another on the associations of a pool, and what the peer has agreed to.

The work goes on in a task of the pool: whoever leaves early has it cancelled (C-CANCEL), and the
association is free again, or gone, within a second.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

from hilum.destinations.dimse.answering.ailing import Broken, NotOffered, underway
from hilum.destinations.dimse.answering.asking import Ask
from hilum.destinations.dimse.answering.faces import tell
from hilum.destinations.dimse.answering.pool import Loan, Pool
from hilum.destinations.dimse.answering.proposal import asking_inquiry
from hilum.destinations.dimse.answering.settings import DimseArchiveSettings
from hilum.destinations.dimse.finding import Find, agreed_find_options
from hilum.destinations.dimse.refusals import OperationFailed, failure_of
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom.dataset import DataSet
from hilum.dicom.sop_classes import sop_class_name
from hilum.dimse.service.query_negotiation import FindOptions
from hilum.dimse.status import Category, Service
from hilum.kernel.names import UID
from hilum.query.level import Model

# Matches that wait to be taken; beyond, the peer waits for us.
_KEPT_MAX: Final = 500


@dataclass(slots=True)
class Notes:
    """What whoever asked has to know besides the matches: why they may not be all."""

    warnings: dict[str, None] = field(default_factory=dict)

    def warn(self, text: str) -> None:
        """Take note of a reason, once."""
        self.warnings[text] = None


class Finder:
    """Asks one peer."""

    def __init__(self, pool: Pool, settings: DimseArchiveSettings) -> None:
        self._pool = pool
        self._settings = settings
        self._inquiry = asking_inquiry(relational=settings.relational != "never")
        self._agreed: dict[Model, FindOptions] | None = None

    async def offered(self) -> dict[Model, FindOptions]:
        """Give the models that the peer offers, with what it agreed to; it is asked only once.

        Raises HilumError: there is no association.
        """
        if self._agreed is None:
            self._pool.give_back(await self.borrow("negotiating"))
        return self._agreed or {}

    async def borrow(self, what: str) -> Loan:
        """Give an association for asking and for C-MOVE; raises as `Pool.borrow` does."""
        loan = await self._pool.borrow(self._inquiry, what)
        if not loan.is_reused:
            self._agreed = _agreed_with(loan.requestor)
        return loan

    async def find(self, ask: Ask, notes: Notes) -> AsyncGenerator[list[DataSet], None]:
        """Ask, and give the matches as they come, some at a time.

        Raises HilumError: see `ailing`.
        """
        *first, last = ask.charsets(self._settings.charset)
        for charset in first:
            is_given = False
            try:
                async with contextlib.aclosing(self._found(ask, charset, notes)) as found:
                    async for some in found:
                        is_given = True
                        yield some
            except OperationFailed:
                # Who does not know the character set may say so; what ends in the middle does not.
                if is_given:
                    raise
            if is_given:
                return
        async with contextlib.aclosing(self._found(ask, last, notes)) as found:
            async for some in found:
                yield some

    async def _found(
        self, ask: Ask, charset: str, notes: Notes
    ) -> AsyncGenerator[list[DataSet], None]:
        is_given = False
        while True:
            loan = await self.borrow(f"C-FIND {ask.level.name}")
            try:
                async with contextlib.aclosing(self._matches(loan, ask, charset, notes)) as matches:
                    async for found in matches:
                        is_given = True
                        yield found
            except Broken:
                # It ended while nobody looked: once more on another one, and then on a new one.
                if is_given or not loan.is_reused:
                    raise
            else:
                return

    async def _matches(
        self, loan: Loan, ask: Ask, charset: str, notes: Notes
    ) -> AsyncGenerator[list[DataSet], None]:
        reel = _Reel()
        try:
            find = self._prepared(loan, ask, charset)
        except BaseException:
            self._pool.give_back(loan)
            raise
        work = self._pool.work(loan, _read(find, reel))
        try:
            while found := await reel.take():
                yield found
            await work
        finally:
            if not work.done():
                reel.let_go()
                find.cancel()
                self._pool.wind_up(loan)
        _judge(find, loan.requestor, notes)

    def _prepared(self, loan: Loan, ask: Ask, charset: str) -> Find:
        sop_class = UID(ask.model.find_uid)
        options = _agreed_with(loan.requestor).get(ask.model)
        if options is None:
            raise NotOffered(f"{loan.requestor.address} does not offer {sop_class_name(sop_class)}")
        identifier = ask.identifier(charset, options)
        tell(loan.requestor, identifier, ask.via)
        return Find(loan.requestor, sop_class, identifier)


async def _read(find: Find, reel: "_Reel") -> None:
    try:
        with underway():
            async with contextlib.aclosing(find.matches()) as matches:
                async for match in matches:
                    await reel.put(match)
    finally:
        reel.end()


def _judge(find: Find, requestor: Requestor, notes: Notes) -> None:
    """Look at how it ended; failures have been raised."""
    ending = find.ending
    if ending is None or ending.category is Category.SUCCESS:
        return
    if ending.category is Category.WARNING:
        notes.warn("it stops at its limit for one answer")
        return
    # Nobody asked it to cancel: what came is not all.
    raise failure_of(requestor.address, Service.FIND, ending.status, words=ending.words)


def _agreed_with(requestor: Requestor) -> dict[Model, FindOptions]:
    """Give the models that can be asked for on an association."""
    offered = {one.abstract_syntax for one in requestor.contexts.values() if one.we_are_scu}
    return {
        model: agreed_find_options(requestor, UID(model.find_uid))
        for model in (Model.STUDY_ROOT, Model.PATIENT_ROOT)
        if model.find_uid in offered
    }


class _Reel:
    """Matches between the task that reads them and the one that wants them."""

    def __init__(self) -> None:
        self._found: deque[DataSet] = deque()
        self._changed = asyncio.Event()
        self._is_over = False
        self._is_unwanted = False

    async def put(self, match: DataSet) -> None:
        """Add one; waits while enough are there."""
        if self._is_unwanted:
            return
        self._found.append(match)
        self._changed.set()
        while len(self._found) >= _KEPT_MAX and not self._is_unwanted:
            self._changed.clear()
            await self._changed.wait()

    async def take(self) -> list[DataSet]:
        """Give all that are there, at least one; none: there are no more."""
        while not self._found and not self._is_over:
            self._changed.clear()
            await self._changed.wait()
        found = list(self._found)
        self._found.clear()
        self._changed.set()
        return found

    def end(self) -> None:
        """There are no more."""
        self._is_over = True
        self._changed.set()

    def let_go(self) -> None:
        """Nobody takes any more."""
        self._is_unwanted = True
        self._found.clear()
        self._changed.set()
