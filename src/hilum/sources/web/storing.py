"""STOW-RS: instances go to intake while they arrive, and success is answered for receipts only.

What was kept is always told: a body that breaks off or breaks the rules costs what came after.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from hilum.dicomweb import reasons
from hilum.dicomweb.choice import Choice
from hilum.dicomweb.choices import store_choices
from hilum.dicomweb.refusal import RequestRefused, bad
from hilum.dicomweb.resource import Resource, Store
from hilum.dicomweb.store_request import StoreBody, store_body
from hilum.kernel.clock import Clock
from hilum.pipeline.intake import Intake
from hilum.sources.web.composing import Composer, Spool
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.pace import CLOSE, Pace, paced
from hilum.sources.web.storing_body import BodyReader
from hilum.sources.web.storing_outcome import RETRY_SECONDS, Failed, reply_of
from hilum.sources.web.storing_parts import Parts


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What one request may cost. What an instance may have is a limit of the intake."""

    # Each leaves a line in the answer, which is made in memory.
    parts_max: int = 50_000
    # A refused body that is not longer than this is read to its end: many clients only look for an
    # answer then.
    drained_bytes_max: int = 32 << 20
    pace: Pace = field(default_factory=Pace)


class Storing:
    """Answers STOW-RS. `spool` makes room on disk for bulk data that comes by itself."""

    def __init__(
        self,
        intake: Intake,
        *,
        clock: Clock,
        spool: Callable[[], Spool],
        limits: StoreLimits | None = None,
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._spool = spool
        self._limits = limits or StoreLimits()
        self._open: set[str] = set()
        # Metadata takes twenty times its length in memory: one request at a time.
        self._composing = asyncio.Lock()

    def is_open(self, association_id: str) -> bool:
        """Tell whether a request is still bringing instances: its study may not be complete."""
        return association_id in self._open

    async def __call__(self, exchange: Exchange, resource: Resource) -> Reply:
        """Store what the body brings.

        Raises:
            RequestRefused: nothing of it was stored.
            ClientGone: the client went away; what it had brought before was stored.
        """
        assert isinstance(resource, Store)  # noqa: S101 - registered for nothing else
        try:
            body, choice = self._admit(exchange)
        except RequestRefused as refusal:
            raise await self._turn_away(exchange, refusal) from None
        origin = exchange.origin()
        self._open.add(origin.association_id)
        try:
            parts = Parts(self._intake, origin=origin, study=resource.study)
            fault = await self._read(exchange, body, parts)
        finally:
            self._open.discard(origin.association_id)
        return _reply(exchange, parts, choice, fault)

    def _admit(self, exchange: Exchange) -> tuple[StoreBody, Choice]:
        """Judge a request by its head alone."""
        if "write" not in exchange.caller.roles:
            raise RequestRefused(403, "storing needs the role `write`")
        choice = exchange.accepted().choose(store_choices())
        body = store_body(exchange.headers.get("content-type", ""))
        if exchange.headers.get("content-encoding", "identity").lower() != "identity":
            raise RequestRefused(415, "the body has a Content-Encoding; send it as it is")
        if (obstacle := self._intake.obstacle) is not None:
            raise RequestRefused(503, obstacle, {"Retry-After": str(RETRY_SECONDS)})
        return body, choice

    async def _turn_away(self, exchange: Exchange, refusal: RequestRefused) -> RequestRefused:
        """Refuse without storing; a short body is read first, a long one is not even begun."""
        length = exchange.headers.get("content-length", "")
        is_told = length.isascii() and length.isdigit() and "expect" not in exchange.headers
        if not is_told or int(length[:18]) > self._limits.drained_bytes_max:
            return RequestRefused(refusal.status, refusal.reason, {**refusal.headers, **CLOSE})
        async for _ in paced(exchange.body(), self._limits.pace, self._clock):
            pass
        return refusal

    async def _read(
        self, exchange: Exchange, body: StoreBody, parts: Parts
    ) -> RequestRefused | None:
        """Bring all of the body to intake, and wait for its answers; give what broke it off."""
        fault: RequestRefused | None = None
        composer = Composer(parts, self._spool, lambda: self._intake.obstacle, self._composing)
        reader = BodyReader(body, parts, composer, parts_max=self._limits.parts_max)
        try:
            await reader.read(paced(exchange.body(), self._limits.pace, self._clock))
        except RequestRefused as refusal:
            fault = refusal
        except OSError as error:
            fault = RequestRefused(
                503,
                f"what came cannot be put on disk: {error.strerror}",
                {"Retry-After": str(RETRY_SECONDS)},
            )
        finally:
            parts.abandon()
            composer.close()
        await parts.settle()
        return fault


def _reply(exchange: Exchange, parts: Parts, choice: Choice, fault: RequestRefused | None) -> Reply:
    """Answer with what became of the parts; one that broke off without any is refused."""
    if fault is None:
        if not parts.outcomes:
            raise bad("the body has nothing that could be stored")
        return reply_of(parts.outcomes, choice, exchange.root)
    if not parts.outcomes:
        raise RequestRefused(fault.status, fault.reason, {**fault.headers, **CLOSE})
    is_full = fault.status == 503
    # Stands for what came behind it.
    parts.fail(
        Failed(
            reasons.OUT_OF_RESOURCES if is_full else reasons.CANNOT_UNDERSTAND,
            is_too_long=fault.status == 413,
        )
    )
    reply = reply_of(parts.outcomes, choice, exchange.root)
    return Reply(reply.status, reply.content_type, reply.body, {**reply.headers, **CLOSE})
