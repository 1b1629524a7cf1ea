"""Stores that come to our own listener because we asked an archive to move something to us.

They are known by their Move Originator: the number is one that no C-MOVE of ours has had for a
while, in any process. What another process of ours took is found by its mark (see `markers`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from hilum.dimse.command import Command
from hilum.kernel.errors import CorruptPayload, Full, HilumError, NotAllowed
from hilum.kernel.names import UID
from hilum.pipeline.answerers.markers import Markers, Report
from hilum.pipeline.landing import Bytes, Incoming, Landing, Sink
from hilum.pipeline.ports import Payloads
from hilum.pipeline.reading import Reading

# How often it is looked for what other processes took: 20 us each time, and a viewer waits for it.
LOOK_SECONDS: Final = 0.05
# How often a mark is renewed; far below `LOST_SECONDS`.
_RENEWED_SECONDS: Final = 5.0
# Every C-MOVE leaves a mark for ten minutes.
_TIDIED_SECONDS: Final = 60.0
_READ_BYTES: Final = 256 * 1024


class Handover(Protocol):
    """What is needed of the cache: a place for what another process waits for."""

    def handover(self, answerer: str) -> "HandoverSink":
        """Give a sink whose instances another process of ours takes over."""
        ...

    def reserve(self, path: str) -> None:
        """Keep what another process put there until it is released."""
        ...

    def release(self, path: str) -> None:
        """It was taken over, or given up."""
        ...


class HandoverSink(Protocol):
    """A sink that says where things are."""

    async def land(self, incoming: Incoming) -> Landing:
        """Begin with an instance; see `Sink`."""
        ...

    def path_of(self, sop_instance_uid: str) -> str:
        """Give where an instance lies that was kept."""
        ...


@dataclass(slots=True)
class Coming:
    """A C-MOVE that is under way (`pipeline.answerers.ports.Homecoming`)."""

    message_id: int
    ae_title: str
    sink: Sink
    is_over: bool = False
    read_bytes: int = 0
    is_answered: asyncio.Event = field(default_factory=asyncio.Event)
    # What other processes took, reserved in the cache; None: that was all of it.
    reports: asyncio.Queue[Report | None] = field(default_factory=asyncio.Queue)

    async def land(self, incoming: Incoming) -> "ComingLanding":
        """Begin with an instance that came to this process."""
        if self.is_over:
            raise NotAllowed("nobody waits for it any more")
        return ComingLanding(self, await self.sink.land(incoming))


class ComingLanding:
    """An instance on its way home; what is not here when all is over is not kept."""

    def __init__(self, coming: Coming, landing: Landing) -> None:
        self._coming = coming
        self._landing = landing

    async def take(self, piece: Bytes) -> None:
        """Take the next bytes."""
        await self._landing.take(piece)

    async def keep(self) -> None:
        """Keep the whole."""
        if self._coming.is_over:
            raise NotAllowed("nobody waits for it any more")
        await self._landing.keep()

    async def drop(self) -> None:
        """Leave nothing behind."""
        await self._landing.drop()


class Elsewhere:
    """The sink of what another process waits for: into the cache, and a note where it is."""

    def __init__(self, markers: Markers, number: int, sink: HandoverSink) -> None:
        self._markers = markers
        self._number = number
        self._sink = sink

    async def land(self, incoming: Incoming) -> "ElsewhereLanding":
        """Begin with an instance."""
        return ElsewhereLanding(self, incoming, await self._sink.land(incoming))

    def report(self, incoming: Incoming) -> None:
        """Tell who waits that it is here."""
        uid = incoming.sop_instance_uid
        report = Report(
            self._sink.path_of(uid),
            incoming.sop_class_uid,
            uid,
            incoming.transfer_syntax_uid,
            incoming.sender,
        )
        try:
            self._markers.report(self._number, report)
        except FileNotFoundError as error:
            raise NotAllowed("nobody waits for it any more") from error
        except OSError as error:
            raise Full(f"it cannot be told: {error.strerror}") from error


class ElsewhereLanding:
    """An instance that another process waits for."""

    def __init__(self, elsewhere: Elsewhere, incoming: Incoming, landing: Landing) -> None:
        self._elsewhere = elsewhere
        self._incoming = incoming
        self._landing = landing

    async def take(self, piece: Bytes) -> None:
        """Take the next bytes."""
        await self._landing.take(piece)

    async def keep(self) -> None:
        """Keep the whole, and tell who waits for it."""
        await self._landing.keep()
        self._elsewhere.report(self._incoming)

    async def drop(self) -> None:
        """Leave nothing behind."""
        await self._landing.drop()


class Late:
    """A store of a C-MOVE of ours that is over: nobody wants it, and it is no arrival either."""


class StoresComingHome:
    """Fills `pipeline.answerers.ports.Homecomings`. One object a process, on the event loop."""

    def __init__(
        self, markers: Markers, cache: Handover, payloads: Payloads, *, is_alone: bool
    ) -> None:
        """Take what to work with; `is_alone`: no other process listens."""
        self._markers = markers
        self._cache = cache
        self._payloads = payloads
        self._is_alone = is_alone
        self._reading = Reading()
        self._coming: dict[int, Coming] = {}
        self._tidied = -_TIDIED_SECONDS

    @asynccontextmanager
    async def expect(self, sink: Sink, *, answerer: str, ae_title: str) -> AsyncIterator[Coming]:
        """Have the stores of one C-MOVE go to `sink` until the context is left."""
        number = await self._number(answerer, ae_title)
        coming = self._coming[number] = Coming(number, ae_title, sink)
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(one) for one in (self._watch(coming), self._take_over(coming))]
        try:
            yield coming
            # What was stored elsewhere was noted before it was answered, so it is seen by now.
            coming.is_answered.set()
            await asyncio.gather(*tasks)
        finally:
            coming.is_over = True
            del self._coming[number]
            self._markers.end(number)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            while not coming.reports.empty():
                if (report := coming.reports.get_nowait()) is not None:
                    self._cache.release(report.path)

    async def look(self) -> None:
        """Forget what was over long ago: to be called once in a while, also more often."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._tidied >= _TIDIED_SECONDS:
            self._tidied = loop.time()
            await loop.run_in_executor(None, self._markers.tidy)

    def sink_of(self, command: Command) -> Sink | Late | None:
        """Say where a C-STORE-RQ belongs; None: it is an arrival like any other."""
        number = command.move_originator_message_id
        ae_title = command.move_originator_ae_title.strip()
        if number is None or not ae_title:
            return None
        coming = self._coming.get(number)
        if coming is not None:
            return coming if coming.ae_title == ae_title else None
        mark = self._markers.find(number)
        if mark is None or mark.ae_title != ae_title:
            return None
        if mark.is_over:
            return Late()
        return Elsewhere(self._markers, number, self._cache.handover(mark.answerer))

    async def _number(self, answerer: str, ae_title: str) -> int:
        set_mark = partial(self._markers.set, answerer=answerer, ae_title=ae_title)
        try:
            return await self._reading.call(set_mark)
        except OSError as error:
            raise Full(f"a C-MOVE cannot be noted: {error.strerror}") from error

    async def _watch(self, coming: Coming) -> None:
        """Learn what other processes took for us, until all has been answered."""
        loop = asyncio.get_running_loop()
        seconds = _RENEWED_SECONDS if self._is_alone else LOOK_SECONDS
        renewed = loop.time()
        is_answered = False
        while not is_answered:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await coming.is_answered.wait()
            is_answered = coming.is_answered.is_set()
            if loop.time() - renewed >= _RENEWED_SECONDS:
                renewed = loop.time()
                self._markers.renew(coming.message_id)
            if not self._is_alone:
                await self._look(coming)
        coming.reports.put_nowait(None)

    async def _look(self, coming: Coming) -> None:
        read = partial(self._markers.read, coming.message_id, coming.read_bytes)
        reports, coming.read_bytes = await self._reading.call(read)
        for report in reports:
            self._cache.reserve(report.path)
            coming.reports.put_nowait(report)

    async def _take_over(self, coming: Coming) -> None:
        """Have land what other processes took; whoever reads it may keep us waiting."""
        while (report := await coming.reports.get()) is not None:
            try:
                await self._adopt(coming, report)
            finally:
                self._cache.release(report.path)

    async def _adopt(self, coming: Coming, report: Report) -> None:
        """Have an instance land that lies in the cache; what cannot is missing."""
        incoming = Incoming(
            UID(report.sop_class_uid),
            UID(report.sop_instance_uid),
            UID(report.transfer_syntax_uid),
            report.sender,
            cached=report.path,
        )
        with suppress(HilumError):
            landing = await coming.sink.land(incoming)
            try:
                await self._feed(landing, report.path)
                await landing.keep()
            except BaseException:
                await landing.drop()
                raise

    async def _feed(self, landing: Landing, path: str) -> None:
        """Give the bytes to a sink that wants them; the cache itself has them."""
        call = self._reading.call
        buffer = bytearray(_READ_BYTES)
        try:
            payload = await call(partial(self._payloads.open_payload, path))
            try:
                while size := await call(partial(payload.read_into, memoryview(buffer))):
                    await landing.take(bytes(memoryview(buffer)[:size]))
            finally:
                payload.close()
        except OSError as error:
            raise CorruptPayload("it is not in the cache any more") from error
