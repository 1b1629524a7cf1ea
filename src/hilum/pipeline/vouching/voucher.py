"""Promises reports on storage commitment and sees to it that each is heard, or given up in words.

A request is durable before it is answered. Whoever has a commitment has its lease as well; when the
lease ends unheard, whichever process looks next reports it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from hilum.dimse.service.commitment import failure_words
from hilum.dimse.service.commitment_answer import CommitmentRequest, Vouched
from hilum.dimse.status import NO_SUCH_SOP_INSTANCE
from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.commitment import Asked, Commitment
from hilum.ledger.entry import Origin
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.ports import Payloads
from hilum.pipeline.vouching.events import (
    CommitmentAbandoned,
    CommitmentAsked,
    CommitmentDenied,
    CommitmentReportDeferred,
    CommitmentReported,
)
from hilum.pipeline.vouching.judging import nothing_here, vouch, vouch_elsewhere
from hilum.pipeline.vouching.ports import Commitments, Listeners, Witness, Witnesses
from hilum.pipeline.vouching.settings import VouchingSettings

_T = TypeVar("_T")

# Longer than any try to report takes: connecting, association and release have 45 s, the answer
# what `response_seconds` says.
LEASE_SPARE: Final = timedelta(seconds=120)
# Reports of one process at one time: a peer that does not answer must not keep the others waiting.
REPORTS_MAX: Final = 8
# Judging opens files and asks the ledger; neither may wait for the other process-wide.
_THREADS: Final = 2
_DOUBLINGS_MAX: Final = 20
# A list is evidence for what is still coming, and an old transaction UID is not to be used again.
KEPT: Final = timedelta(days=7)
_FORGOTTEN_AT_ONCE: Final = 50
_FORGET_SECONDS: Final = 60.0

NO_ADDRESS: Final = "its section in [peers] says no host and port to call it back."


class Voucher:
    """Answers for what is held. One object a process, on its event loop."""

    def __init__(  # noqa: PLR0913 - parts of one process, by keyword
        self,
        settings: VouchingSettings,
        *,
        commitments: Commitments,
        payloads: Payloads,
        listeners: Listeners,
        clock: Clock,
        vouched: Clock,
        steady: Clock,
        telemetry: Telemetry,
        witnesses: Witnesses | None = None,
        promised: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Take what to work with; without `witnesses` nobody else keeps anything for us.

        Nothing is given up or forgotten before `vouched` says that it is old enough, for the other
        clock may have jumped. `steady` is the clock of leases and waits: it does not jump, and
        ends with the gateway.
        `promised` is told the number of each request: its list is evidence for what is coming.
        """
        self.settings = settings
        self._commitments = commitments
        self._payloads = payloads
        self._listeners = listeners
        self._witnesses = witnesses
        self._clock = clock
        self._vouched = vouched
        self._steady = steady
        self._telemetry = telemetry
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="voucher")
        self._returned: deque[Commitment] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._forget_at = 0.0
        self._told_promised = promised

    async def promise(self, request: CommitmentRequest, origin: Origin) -> Commitment:
        """Take a request; when this returns it survives everything, and a report is owed.

        Raises:
            Rejected: the transaction UID is in use; Full, LedgerUnavailable: not now.
        """
        asked = Asked(request.transaction_uid, request.references, origin)
        now, until = self._clock.now(), self._steady.now() + self._lease
        ask = partial(self._commitments.ask, asked, now=now, until=until)
        commitment = await self._in_thread(ask)
        self._told_promised(commitment.commitment_id)
        self._telemetry.emit(
            CommitmentAsked(origin.peer, request.transaction_uid, len(request.references))
        )
        return commitment

    async def judge(self, commitment: Commitment) -> Vouched:
        """Find out what is kept, as it is now, here or by archives that stores are handed to.

        Raises:
            Full, LedgerUnavailable: not now.
            AnswererFailed: an archive does not say what it has; the last time that is tried, such
                instances are failures.
        """
        witness = self._witness(commitment)
        counts = witness is None or witness.counts_what_is_here
        judge = self._judge if counts else self._judge_elsewhere
        vouched = await self._in_thread(lambda: judge(commitment))
        unknown = [uid for (_, uid), why in vouched.failed.items() if why == NO_SUCH_SOP_INSTANCE]
        if witness is None or not unknown:
            return vouched
        try:
            classes = await witness.classes_of(unknown)
        except AnswererFailed:
            if not self._is_last(commitment):
                raise
            return vouch_elsewhere(vouched, None)
        return vouch_elsewhere(vouched, classes)

    async def heard(self, commitment: Commitment, vouched: Vouched, where: str) -> None:
        """The peer has taken the report. Raises Full, LedgerUnavailable: it is reported again."""
        reasons = _reasons(vouched)
        detail = f"{len(vouched.committed)} committed, {len(vouched.failed)} failed"
        detail += f" ({reasons})" if reasons else ""
        now = self._clock.now()
        settle = partial(self._commitments.reported, commitment, detail=detail, now=now)
        if not await self._in_thread(settle):
            return
        peer, transaction = commitment.origin.peer, commitment.transaction_uid
        count = len(vouched.committed)
        self._telemetry.emit(CommitmentReported(peer, transaction, count, where))
        if vouched.failed:
            self._telemetry.emit(CommitmentDenied(peer, transaction, len(vouched.failed), reasons))

    def give_back(self, commitment: Commitment) -> None:
        """Have the peer called: it did not hear on its own association. Never waits."""
        self._returned.append(commitment)

    async def look(self) -> None:
        """Begin with reports that are due; for about once a second. Raises HilumError."""
        while self._returned:
            # Taken off when it is done: an error leaves it for the next look.
            await self._put_off(self._returned[0], seconds=0.0, reason="")
            self._returned.popleft()
        room = REPORTS_MAX - len(self._calls)
        if room > 0:
            now = self._steady.now()
            claim = partial(self._commitments.claim, now=now, until=now + self._lease, limit=room)
            for commitment in await self._in_thread(claim):
                self._begin(commitment)
        await self._forget()

    async def close(self) -> None:
        """Stop calling; what was not heard stays owed."""
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait(self._calls)
        while self._returned:
            try:
                await self._put_off(self._returned.popleft(), seconds=0.0, reason="")
            except HilumError:
                break  # its lease ends by itself
        self._threads.shutdown()

    @property
    def _lease(self) -> timedelta:
        return LEASE_SPARE + timedelta(seconds=self.settings.response_seconds)

    def _witness(self, commitment: Commitment) -> Witness | None:
        if self._witnesses is None:
            return None
        return self._witnesses.of(commitment.origin.called_ae_title)

    def _judge(self, commitment: Commitment) -> Vouched:
        references = self._commitments.references(commitment)
        return vouch(commitment.transaction_uid, references, self._payloads)

    def _judge_elsewhere(self, commitment: Commitment) -> Vouched:
        """Leave all of it to archives elsewhere."""
        references = self._commitments.references(commitment)
        return nothing_here(commitment.transaction_uid, references)

    def _is_last(self, commitment: Commitment) -> bool:
        tried = self._vouched.now() - commitment.asked_at
        return tried >= timedelta(hours=self.settings.give_up_hours)

    def _begin(self, commitment: Commitment) -> None:
        call = asyncio.get_running_loop().create_task(self._call(commitment))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _call(self, commitment: Commitment) -> None:
        """Try once to bring a report. Nothing is raised: what fails is tried again."""
        try:
            await self._bring(commitment)
        except HilumError as error:
            await self._try_later(commitment, _sentence(str(error)))
        except Exception as error:  # noqa: BLE001 - the top of this task: others must go on
            await self._try_later(commitment, f"A fault of ours: {type(error).__name__}.")

    async def _bring(self, commitment: Commitment) -> None:
        origin = commitment.origin
        listener = self._listeners.find(origin.peer, calling=origin.called_ae_title)
        if listener is None:
            await self._try_later(commitment, NO_ADDRESS)
            return
        vouched = await self.judge(commitment)
        await listener.report(vouched, seconds=self.settings.response_seconds)
        await self.heard(commitment, vouched, " by calling it")

    async def _try_later(self, commitment: Commitment, reason: str) -> None:
        """Put a report off, or give it up; when the ledger fails, its lease ends by itself."""
        peer, transaction = commitment.origin.peer, commitment.transaction_uid
        now = self._clock.now()
        try:
            if self._is_last(commitment):
                give_up = partial(self._commitments.give_up, commitment, reason=reason, now=now)
                if await self._in_thread(give_up):
                    self._telemetry.emit(CommitmentAbandoned(peer, transaction, reason))
                return
            seconds = self._wait_after(commitment.attempts)
            await self._put_off(commitment, seconds=seconds, reason=reason)
            self._telemetry.emit(CommitmentReportDeferred(peer, transaction, reason, seconds))
        except HilumError as error:
            told = f"{reason} And the ledger: {_sentence(str(error))}"
            seconds = self._lease.total_seconds()
            self._telemetry.emit(CommitmentReportDeferred(peer, transaction, told, seconds))

    async def _put_off(self, commitment: Commitment, *, seconds: float, reason: str) -> None:
        until = self._steady.now() + timedelta(seconds=seconds)
        await self._in_thread(
            partial(self._commitments.put_off, commitment, until=until, reason=reason)
        )

    def _wait_after(self, attempts: int) -> float:
        # The first try was on the association of the request.
        doubled = self.settings.retry_seconds * 2 ** min(max(attempts - 2, 0), _DOUBLINGS_MAX)
        return float(min(doubled, self.settings.retry_seconds_max))

    async def _forget(self) -> None:
        if self._clock.monotonic() < self._forget_at:
            return
        self._forget_at = self._clock.monotonic() + _FORGET_SECONDS
        before = self._vouched.now() - KEPT
        forget = partial(self._commitments.forget, before=before, limit=_FORGOTTEN_AT_ONCE)
        while await self._in_thread(forget) == _FORGOTTEN_AT_ONCE:
            pass

    async def _in_thread(self, act: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _reasons(vouched: Vouched) -> str:
    """Say why instances are not kept, each reason with how often."""
    counts = Counter(vouched.failed.values())
    return ", ".join(f"{count} x {failure_words(reason)}" for reason, count in counts.items())
