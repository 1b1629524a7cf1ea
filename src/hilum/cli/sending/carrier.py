"""One carrier opens one association after another and sends what its plan still has to send.

A lost association costs its instance one attempt; nothing that was confirmed is sent again.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Final, assert_never

from hilum.cli.sending.item import Item
from hilum.cli.sending.journal import Journal
from hilum.cli.sending.payload import Payloads, Unreadable
from hilum.cli.sending.plan import AssociationPlan
from hilum.cli.sending.rate import RateLimit
from hilum.cli.sending.stop import Stop
from hilum.cli.sending.talk import Talk
from hilum.cli.sending.tally import Tally
from hilum.cli.sending.work import Job, Work, back_off_seconds
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import Requestor, associate
from hilum.destinations.dimse.response import status_of
from hilum.dicom.sop_classes import sop_class_name
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.message import Command
from hilum.dimse.status import Service as StatusService
from hilum.dimse.status import describe, outcome_of_store
from hilum.dimse.upper.items import PresentationContext
from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError, Rejected, RemoteProtocolError, Unreachable
from hilum.kernel.outcome import Deferred, Delivered, Refused

# Associations lost in a row, without any response, before a carrier gives up whatever `retries` is.
_LOSSES_MIN: Final = 2
_MESSAGE_IDS: Final = 0xFFFF  # message ids are 16 bit and start again at 1


@dataclass(frozen=True, slots=True)
class Service:
    """What all carriers of a run share."""

    address: Address
    options: RequestorOptions
    retries: int
    payloads: Payloads
    tally: Tally
    stop: Stop
    talk: Talk
    clock: Clock
    journal: Journal | None = None
    limit: RateLimit | None = None


class Carrier:
    """Sends jobs of `work` one after another until there are none, or going on makes no sense."""

    def __init__(self, service: Service, plan: AssociationPlan, work: Work) -> None:
        self._service = service
        self._plan = plan
        self._work = work
        self._failures = 0  # to reach the peer, or to keep it: in a row, no response in between
        self._open_bytes = 0  # of the instance on the way
        self.reason = ""  # why it gave up; empty: it did not

    async def run(self) -> None:
        """Carry until the work is done; raise nothing that a peer or a file can cause."""
        stop, retries = self._service.stop, self._service.retries
        while self._work and not stop.is_wanted and not self.reason:
            try:
                requestor = await self._associate()
            except Rejected as error:
                self.reason = str(error)
            except (Unreachable, RemoteProtocolError) as error:
                await self._fail(error, failures_max=retries)
            else:
                await self._use(requestor)

    async def _associate(self) -> Requestor:
        contexts = [
            PresentationContext(context_id, sop_class, (transfer_syntax,))
            for (sop_class, transfer_syntax), context_id in self._plan.context_ids.items()
        ]
        requestor = await associate(self._service.address, contexts, self._service.options)
        self._service.talk.association(_about(requestor))
        return requestor

    async def _use(self, requestor: Requestor) -> None:
        """Send until the association ends, or the work does, or stopping is wanted."""
        message_ids = itertools.cycle(range(1, _MESSAGE_IDS + 1))
        lost: HilumError | None = None
        try:
            while self._work and requestor.is_open and not self._service.stop.is_wanted:
                job = self._work.take(self._service.clock.monotonic())
                if job is None:
                    await self._wait_for_work()
                else:
                    await self._send(requestor, job, next(message_ids))
        except Rejected as error:
            self.reason = str(error)
        except (Unreachable, RemoteProtocolError) as error:
            lost = error
        finally:
            await requestor.release()
        if lost is not None:
            # One instance that a peer cannot stand must not end the run even without retries.
            await self._fail(lost, failures_max=max(self._service.retries, _LOSSES_MIN))

    async def _wait_for_work(self) -> None:
        """Wait until a job that failed before may be tried again."""
        seconds = self._work.seconds_until_due(self._service.clock.monotonic())
        await self._service.stop.pause(seconds)

    async def _fail(self, error: HilumError, *, failures_max: int) -> None:
        """Count a failure; wait before the next attempt, or give up."""
        self._failures += 1
        self._service.talk.association(str(error))
        if self._failures > failures_max:
            self.reason = str(error)
        else:
            await self._service.stop.pause(back_off_seconds(self._failures))

    async def _send(self, requestor: Requestor, job: Job, message_id: int) -> None:
        """Try to send one instance, and say what became of it."""
        item, tally = job.item, self._service.tally
        if self._plan.context_id(item) not in requestor.contexts:
            tally.fail(item, self._refusal(requestor, item))
            return
        try:
            response = await self._store(requestor, item, message_id)
        except Unreadable as error:
            tally.spoil(item, str(error))
        except (Unreachable, RemoteProtocolError, Rejected) as error:
            self._again(job, str(error))
            raise
        except asyncio.CancelledError:
            tally.fail(item, "interrupted while it was sent")
            raise
        else:
            self._failures = 0
            self._account(job, response)
        finally:
            tally.bytes_open -= self._open_bytes
            self._open_bytes = 0

    async def _store(self, requestor: Requestor, item: Item, message_id: int) -> Command:
        chunks = self._service.payloads.chunks(item)
        first = next(chunks, b"")  # a file that cannot even be opened costs no association
        async with contextlib.aclosing(self._paced(first, chunks)) as paced:
            return await requestor.store(
                self._plan.context_id(item),
                message_id,
                item.sop_class_uid,
                item.sop_instance_uid,
                paced,
            )

    async def _paced(self, first: bytes, rest: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the chunks, each when the rate limit lets it through."""
        tally, limit = self._service.tally, self._service.limit
        for chunk in itertools.chain((first,), rest):
            if limit is not None:
                await limit.take(len(chunk))
            tally.bytes_moved += len(chunk)
            tally.bytes_open += len(chunk)
            self._open_bytes += len(chunk)
            yield chunk

    def _refusal(self, requestor: Requestor, item: Item) -> str:
        sop_class = sop_class_name(item.sop_class_uid)
        syntax = transfer_syntax(item.transfer_syntax_uid).name
        why = requestor.refusal(self._plan.context_id(item))
        return f"{requestor.address} refused {sop_class} in {syntax}: {why}"

    def _account(self, job: Job, response: Command) -> None:
        """Act on a response (PS3.4 Table B.2-1). Its comment may hold anything: nobody sees it."""
        status = status_of(response)
        if self._service.talk.about_instances:
            self._service.talk.instance(job.item, describe(status, StatusService.STORE))
        outcome = outcome_of_store(status)
        match outcome:
            case Delivered():
                self._service.tally.confirm(job.item, status)
                self._write_down(job.item, status)
            case Deferred(reason=reason):
                self._again(job, reason, status=status)
            case Refused(reason=reason):
                self._service.tally.fail(job.item, reason, status=status)
            case _:
                assert_never(outcome)

    def _again(self, job: Job, reason: str, *, status: int | None = None) -> None:
        """Give `job` another attempt, if it has one left."""
        if job.failed_attempts < self._service.retries:
            self._service.tally.retries += 1
            self._work.put_back(job, self._service.clock.monotonic())
        else:
            self._service.tally.fail(job.item, reason, status=status)

    def _write_down(self, item: Item, status: int) -> None:
        if self._service.journal is None:
            return
        try:
            self._service.journal.confirm(item, status)
        except OSError as error:
            self._service.stop.because(f"the journal cannot be written: {error.strerror}")


def _about(requestor: Requestor) -> str:
    """Say what a peer accepted."""
    accept = requestor.accept
    user_information = accept.user_information
    maximum = user_information.maximum_length
    return (
        f"{requestor.address} accepted {len(requestor.contexts)} of {len(accept.contexts)} "
        f"presentation contexts; {user_information.implementation_version_name or 'no name'}, "
        f"longest PDU {maximum or 'without limit'}"
    )
