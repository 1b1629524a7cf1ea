"""STOW-RS: instances go to intake while they arrive, and success is answered for receipts only.

What was kept is always told: a body that breaks off or breaks the rules costs what came after.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hilum.dicom.metas import Metas
from hilum.dicomweb import reasons
from hilum.dicomweb.choice import Accepted, Choice
from hilum.dicomweb.choices import store_choices
from hilum.dicomweb.refusal import RequestRefused, bad
from hilum.dicomweb.resource import Resource, Store
from hilum.dicomweb.store_request import StoreBody, store_body
from hilum.pipeline.taking import Taker
from hilum.sources.web.composing import Composer, Spool
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.storing_body import BodyReader, in_runs
from hilum.sources.web.storing_outcome import (
    NO_ROOM,
    NOTHING_STORED,
    RETRY_SECONDS,
    TOO_LONG,
    Failed,
    reply_of,
)
from hilum.sources.web.storing_parts import Parts

# How a request ends that broke off with nothing stored.
_ENDINGS: Final = {503: NO_ROOM, 413: TOO_LONG}


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What one request may cost. What an instance may have is a limit of the intake."""

    # Each leaves a line in the answer, which is made in memory.
    parts_max: int = 50_000


class _Requests:
    """Those of one process that are bringing instances."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.are_refused = False
        self.emptied = asyncio.Event()
        self.emptied.set()
        # Metadata takes twenty times its length in memory: one request at a time.
        self.turn = asyncio.Lock()

    @contextmanager
    def one(self, association_id: str) -> Iterator[None]:
        """Count a request while it is answered."""
        self.open.add(association_id)
        self.emptied.clear()
        try:
            yield
        finally:
            self.open.discard(association_id)
            if not self.open:
                self.emptied.set()


class Storing:
    """Answers STOW-RS. `spool` makes room on disk for bulk data that comes by itself."""

    def __init__(
        self,
        taker: Taker,
        *,
        spool: Callable[[], Spool],
        limits: StoreLimits | None = None,
    ) -> None:
        self._taker = taker
        self._spool = spool
        self._limits = limits or StoreLimits()
        self._requests = _Requests()
        self._metas = Metas()

    def beside(self, taker: Taker) -> "Storing":
        """Give what answers at an entity where somebody else takes instances; they stop as one."""
        other = Storing(taker, spool=self._spool, limits=self._limits)
        other._requests = self._requests
        return other

    def is_open(self, association_id: str) -> bool:
        """Tell whether a request is still bringing instances: its study may not be complete."""
        return association_id in self._requests.open

    async def stop(self, seconds_max: float) -> None:
        """Take no more requests, and wait so long for those that are under way."""
        self._requests.are_refused = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                await self._requests.emptied.wait()

    async def __call__(self, exchange: Exchange, resource: Resource) -> Reply:
        """Store what the body brings.

        Raises:
            RequestRefused: nothing of it was stored.
            ClientGone: the client went away; what was to be kept here and was complete is kept.
        """
        assert isinstance(resource, Store)  # noqa: S101 - registered for nothing else
        # By its head: who waits for our consent sends no body in vain (RFC 9110 §10.1.1).
        body, choice = self._admit(exchange)
        origin = exchange.origin()
        with self._requests.one(origin.association_id):
            parts = Parts(self._taker, origin=origin, study=resource.study, metas=self._metas)
            fault = await self._bring(exchange, body, parts)
        return _reply(exchange, parts, choice, fault)

    def _admit(self, exchange: Exchange) -> tuple[StoreBody, Choice]:
        """Judge a request by its head alone."""
        if "write" not in exchange.caller.roles:
            raise RequestRefused(403, "storing needs the role `write`")
        choice = _choice_of(exchange.accepted())
        body = store_body(exchange.headers.get("content-type", ""))
        if exchange.headers.get("content-encoding", "identity").lower() != "identity":
            raise RequestRefused(415, "the body has a Content-Encoding; send it as it is")
        stopping = "the gateway is stopping" if self._requests.are_refused else None
        if (obstacle := stopping or self._taker.obstacle) is not None:
            raise RequestRefused(503, obstacle, {"Retry-After": str(RETRY_SECONDS)})
        return body, choice

    async def _bring(
        self, exchange: Exchange, body: StoreBody, parts: Parts
    ) -> RequestRefused | None:
        """Bring all of the body, and wait for the answers; give what broke it off."""
        try:
            fault = await self._read(exchange, body, parts)
            await parts.settle()
        finally:
            # Nobody waits any more, be it because the client is gone.
            parts.withdraw()
        return fault

    async def _read(
        self, exchange: Exchange, body: StoreBody, parts: Parts
    ) -> RequestRefused | None:
        """Bring all of the body to who takes it; give what broke it off."""
        fault: RequestRefused | None = None
        composer = Composer(parts, self._spool, lambda: self._taker.obstacle, self._requests.turn)
        reader = BodyReader(
            body, parts, composer, parts_max=self._limits.parts_max, length=exchange.length
        )
        try:
            await reader.read(in_runs(exchange.arriving.as_it_lies()))
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
        return fault


@lru_cache(maxsize=128)
def _choice_of(accepted: Accepted) -> Choice:
    """Choose the form of the answer. Raises RequestRefused: 406."""
    return accepted.choose(store_choices())


def _reply(exchange: Exchange, parts: Parts, choice: Choice, fault: RequestRefused | None) -> Reply:
    """Answer with what became of the parts; one that broke off without any is refused."""
    if fault is None:
        if not parts.outcomes:
            raise bad("the body has nothing that could be stored")
        return reply_of(parts.outcomes, choice, exchange.root)
    if not parts.outcomes:
        raise fault
    is_full = fault.status == 503
    # Stands for what came behind it.
    parts.fail(
        Failed(
            reasons.OUT_OF_RESOURCES if is_full else reasons.CANNOT_UNDERSTAND,
            ending=_ENDINGS.get(fault.status, NOTHING_STORED),
        )
    )
    return reply_of(parts.outcomes, choice, exchange.root)
