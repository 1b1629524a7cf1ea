"""Brings instances to our own intake: durable and routed as if somebody had stored them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import Final

from hilum.kernel.errors import HilumError
from hilum.kernel.names import UID
from hilum.ledger.entry import Origin
from hilum.pipeline.answers import Answer, Kept
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.doors import FETCH
from hilum.pipeline.intake import Intake
from hilum.pipeline.ports import PayloadReader, Payloads
from hilum.pipeline.reading import Reading
from hilum.pipeline.reception import Announcement, Reception

# Instances on their way in at one time, of one request: commits have company, buffers have limits.
AT_ONCE: Final = 8

# Gives the SOP Instance UIDs of a study that are held here; blocks.
HeldOf = Callable[[str], Collection[str]]


class TakingIn:
    """The goal "local" of one request."""

    def __init__(self, intake: Intake, payloads: Payloads, held_of: HeldOf, origin: Origin) -> None:
        self._intake = intake
        self._payloads = payloads
        self._held_of = held_of
        self._origin = origin
        self._reading = Reading()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def known(self, study_instance_uid: str) -> Collection[str]:
        """Give what is held of a study."""
        return await asyncio.to_thread(self._held_of, study_instance_uid)

    async def bring(self, holdings: Sequence[Holding]) -> AsyncIterator[tuple[Holding, str]]:
        """Take them in, each durable when it is given."""
        loop = asyncio.get_running_loop()
        tasks = {loop.create_task(self._take(one)): one for one in holdings}
        try:
            waiting = set(tasks)
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield tasks[task], task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _take(self, holding: Holding) -> str:
        async with self._turn:
            try:
                answer = await self._received(holding)
            except (OSError, HilumError) as error:
                return f"its payload cannot be read: {_told(error)}"
        return "" if isinstance(answer, Kept) else getattr(answer, "reason", "it was refused")

    async def _received(self, holding: Holding) -> Answer:
        payload = await self._reading.call(lambda: self._payloads.open_payload(holding.path))
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        has_caught_up = asyncio.Event()
        reception = self._intake.receive(
            _announcement(holding, self._origin),
            answered=lambda answer: None if answered.done() else answered.set_result(answer),
            resumed=has_caught_up.set,
        )
        self._intake.carriers += 1
        try:
            await self._feed(reception, payload, has_caught_up)
        except BaseException:
            reception.abandon()
            raise
        else:
            reception.finish()
        finally:
            payload.close()
            self._intake.carriers -= 1
        return await answered

    async def _feed(
        self, reception: Reception, payload: PayloadReader, has_caught_up: asyncio.Event
    ) -> None:
        while reception.failure is None:
            buffer = self._intake.buffers.lend()
            try:
                view = buffer.view
                count = await self._reading.call(partial(payload.read_into, view))
                reception.take(view[:count], buffer)
            finally:
                buffer.release()
            if count == 0:
                return
            while reception.is_behind:
                has_caught_up.clear()
                await has_caught_up.wait()


def _told(error: Exception) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else str(error)


def _announcement(holding: Holding, origin: Origin) -> Announcement:
    return Announcement(
        source=FETCH,
        sop_class_uid=UID(holding.sop_class_uid),
        sop_instance_uid=UID(holding.sop_instance_uid),
        transfer_syntax_uid=UID(holding.transfer_syntax_uid),
        origin=origin,
    )
