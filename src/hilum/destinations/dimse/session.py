"""One association to a destination, opened for what must be sent and kept for what comes next."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hilum.destinations.dimse.association import SendingAssociation, remarked
from hilum.destinations.dimse.contexts import Way, kind_of
from hilum.destinations.dimse.endings import TooSlow
from hilum.destinations.dimse.losses import committed, failing_of, lost, unconfirmed, untried
from hilum.destinations.dimse.pieces import Pieces, Whole
from hilum.kernel.errors import Full, HilumError, Unreachable
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.archive.movers import Errand
from hilum.pipeline.outgoing import Converted, Outgoing, Shelf
from hilum.pipeline.ports import Parcel
from hilum.pipeline.shortcomings import Spoiled

if TYPE_CHECKING:
    from hilum.destinations.dimse.destination import DimseDestination

_Given = AsyncGenerator[tuple[Parcel, Outcome], None]


class DimseSession:
    """Stores batches on one association (`pipeline.ports.Session`)."""

    def __init__(self, destination: "DimseDestination", errand: Errand | None = None) -> None:
        """Take where to send to; with an `errand` the stores are those of a C-MOVE."""
        self._destination = destination
        self._errand = errand
        self._shelf = Shelf(destination.payloads, destination.reading)
        self._association: SendingAssociation | None = None
        self._again: Parcel | None = None  # sent on an association that turned out to be over
        self._idle_since = 0.0
        self._keeping: asyncio.TimerHandle | None = None  # an idle association, until it fires
        self._ending: asyncio.Task[None] | None = None  # of one that was idle for long enough

    async def deliver(self, parcels: Sequence[Parcel]) -> _Given:
        """Store `parcels`: one outcome for each.

        The instance whose association is lost is `Deferred` with the loss, and so is the first one
        when none can be opened; those behind it were not tried.
        """
        await self._stop_idling()
        given = self._stored(deque(parcels))
        if self._destination.manner.commitment_seconds is not None:
            given = self._confirmed(given)
        try:
            async with contextlib.aclosing(given):
                async for parcel, outcome in given:
                    yield parcel, outcome
        finally:
            self._shelf.put_back()
            self._begin_idling()

    async def _stored(self, turn: deque[Parcel]) -> _Given:
        """Store what is in `turn`, over one association or more."""
        while turn:
            try:
                association = await self._ready_for(turn)
            except HilumError as error:
                yield turn.popleft(), lost(error)
                while turn:
                    yield turn.popleft(), untried(error)
                return
            async with contextlib.aclosing(self._send_over(association, turn)) as given:
                async for parcel, outcome in given:
                    yield parcel, outcome
            if turn and association.requestor.seat.is_wanted:
                await self._end()

    async def _confirmed(self, given: _Given) -> _Given:
        """Hold deliveries back until the peer has committed to them."""
        taken: list[tuple[Parcel, Delivered]] = []
        async with contextlib.aclosing(given):
            async for parcel, outcome in given:
                if isinstance(outcome, Delivered):
                    taken.append((parcel, outcome))
                else:
                    yield parcel, outcome
        if taken:
            for parcel, outcome in await self._commit(taken):
                yield parcel, outcome

    async def _commit(self, taken: list[tuple[Parcel, Delivered]]) -> list[tuple[Parcel, Outcome]]:
        """Ask for a commitment to what was taken, and wait for the report, wherever it comes."""
        destination = self._destination
        seconds = destination.manner.commitment_seconds
        parcels = [parcel for parcel, _ in taken]
        with destination.commitments.transaction() as (uid, report):
            try:
                association = await self._ready_for(parcels)
                await association.ask_commitment(uid, parcels)
                async with asyncio.timeout(seconds):
                    await report
            except TimeoutError:
                outcome = unconfirmed(f"{destination.address} did not say so within {seconds:g} s")
                return [(parcel, outcome) for parcel in parcels]
            except HilumError as error:
                outcome = unconfirmed(str(error), failing=failing_of(error))
                return [(parcel, outcome) for parcel in parcels]
            return [
                (parcel, committed(delivered, parcel, report.result(), destination.address))
                for parcel, delivered in taken
            ]

    async def aclose(self) -> None:
        """Release the association and close its transport. Safe to call twice."""
        await self._stop_idling()
        self._shelf.put_back()
        await self._end()

    async def _ready_for(self, turn: Sequence[Parcel]) -> SendingAssociation:
        """Give an association that proposed for some of `turn`: the one at hand or a new one."""
        kinds = dict.fromkeys(map(kind_of, turn))
        association = self._association
        if association is not None:
            if association.proposed_for_any(kinds) and await self._is_alive(association):
                return association
            await self._end()
        self._association = await self._destination.associate(kinds)
        self._association.requestor.errand = self._errand
        self._association.has_answered = True
        return self._association

    async def _is_alive(self, association: SendingAssociation) -> bool:
        """Find out, as far as it costs little, whether an idle association is still there."""
        if not association.is_open:
            return False
        loop, manner = asyncio.get_running_loop(), self._destination.manner
        if loop.time() - self._idle_since < manner.echo_after_seconds:
            return True
        return await association.is_there(seconds=manner.echo_seconds)

    async def _send_over(self, association: SendingAssociation, turn: deque[Parcel]) -> _Given:
        """Send of `turn` what `association` proposed for; leave the others in it."""
        others: list[Parcel] = []
        self._shelf.takes_files = association.requestor.takes_files
        while turn:
            parcel = turn.popleft()
            if not association.proposed_for(parcel):
                others.append(parcel)
                continue
            try:
                outcome = await self._try(association, parcel, turn)
            except HilumError as error:
                if self._was_stale(association, error):
                    # It ended while it was idle: this says nothing about the destination.
                    self._again = parcel
                    turn.appendleft(parcel)
                    break
                turn.extend(others)
                yield parcel, lost(error)
                while turn:
                    yield turn.popleft(), untried(error)
                return
            yield parcel, outcome
            # A payload of ours ended in the middle, or somebody waits for the seat.
            if not association.is_open or association.requestor.seat.is_wanted:
                break
        turn.extend(others)

    async def _try(
        self, association: SendingAssociation, parcel: Parcel, turn: deque[Parcel]
    ) -> Outcome:
        """Store one instance. Raises HilumError: the association is over."""
        way = association.way(parcel)
        if way is None:
            return association.refusal(parcel)
        following = partial(self._shelf.look_ahead, turn[0]) if turn else None
        try:
            outgoing = await self._shelf.take(parcel)
            with contextlib.closing(outgoing):
                pieces = self._pieces(outgoing, way)
                outcome = await association.store(parcel, way, pieces, following)
                if way.transfer_syntax != parcel.transfer_syntax_uid:
                    outcome = remarked(outcome, parcel, way)
                is_first_try = not parcel.attempts and parcel is not self._again
                return association.takes_for_delivered(outcome, is_first_try=is_first_try)
        except Spoiled as error:
            return Refused(str(error))
        except Full as error:
            return Deferred(str(error), failing=Failing.BUSY)

    def _pieces(self, outgoing: Outgoing, way: Way) -> Pieces:
        if way.transfer_syntax != outgoing.parcel.transfer_syntax_uid:
            return Converted(outgoing, self._destination.conversion(outgoing.parcel, way))
        lying = outgoing.lying()
        return outgoing if lying is None else Whole(lying)

    def _was_stale(self, association: SendingAssociation, error: HilumError) -> bool:
        """Tell whether an association that had been idle ended before it answered anything."""
        ended = isinstance(error, Unreachable) and not isinstance(error, TooSlow)
        return ended and not association.has_answered

    def _begin_idling(self) -> None:
        """Keep the association for a while, if there is one."""
        association = self._association
        if association is None or not association.is_open:
            return
        loop, manner = asyncio.get_running_loop(), self._destination.manner
        association.has_answered = False
        self._idle_since = loop.time()
        self._keeping = loop.call_later(manner.keep_open_seconds, self._end_idle)
        association.requestor.seat.lend(self._end_idle)

    def _end_idle(self) -> None:
        """End an association that was idle for long enough, or whose seat somebody waits for."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
            self._ending = asyncio.get_running_loop().create_task(self._end())

    async def _stop_idling(self) -> None:
        """Use the association again, unless it is just being ended: then that is over now."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        if self._association is not None:
            self._association.requestor.seat.take_up()
        ending, self._ending = self._ending, None
        if ending is not None:
            ending.cancel()
            await asyncio.wait({ending})

    async def _end(self) -> None:
        """Release the association, if there is one; its transport is closed when this returns."""
        association = self._association
        if association is not None:
            try:
                await association.requestor.release()
            except asyncio.CancelledError:
                association.requestor.abort()
                raise
            self._association = None
