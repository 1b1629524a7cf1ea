"""What one C-MOVE or C-GET has to send: as it comes from the archive, counted as it is sent.

What is here already is ready from the beginning; else instances are handed on one by one as they
come, a few ahead of who sends them. Every holding is let go of when its fate is known.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from hilum.dimse.service.ending import CANNOT_PERFORM, SUBOPERATIONS_FAILED, Ending
from hilum.dimse.service.suboperations import SubOperations
from hilum.dimse.status import SUCCESS, Service, describe
from hilum.kernel.errors import HilumError
from hilum.kernel.names import UID
from hilum.pipeline.answerers.partial import partial_comment
from hilum.pipeline.archive.ports import Holding, Missing, Named, Supply
from hilum.pipeline.closing import closing
from hilum.pipeline.ports import Parcel

# Come and not sent yet: enough for several associations, few enough for a cache that keeps them.
_READY_MAX: Final = 128
READY_BYTES_MAX: Final = 8 << 20
_NEVER_CAME: Final = "the archive did not bring it"


class Work:
    """The instances of one retrieval. Lives on the event loop; may be sent by several tasks.

    `ready_bytes_max`: how much may have come and not be sent yet.
    """

    def __init__(self, supply: Supply, *, ready_bytes_max: int = READY_BYTES_MAX) -> None:
        self.counted = SubOperations(supply.count)
        self.size = 0
        self.reason = ""  # why something could not be sent, for the log and the peer
        self.failure: HilumError | None = None  # why nothing came
        self._supply = supply
        self._held: dict[str, Holding] = {}
        self._ready: deque[Parcel] = deque()
        self._ready_bytes = 0
        self._ready_bytes_max = ready_bytes_max
        self._coming: dict[str, None] = {}
        # While nobody has listed what comes: what has come, by its UID.
        self._seen: set[str] = set()
        self._is_unlisted = False
        self._is_stopped = False
        self._bringing: asyncio.Task[None] | None = None
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self.is_at_hand = supply.holdings is not None
        if supply.holdings is not None:
            for holding in supply.holdings:
                self._keep(holding)
        else:
            self._coming = dict.fromkeys([one.sop_instance_uid for one in supply.expected])
            self._is_unlisted = supply.count > 0 and not supply.expected

    @property
    def expected(self) -> Sequence[Named]:
        """All that is to be sent, here or not; empty while nobody has listed it."""
        return self._supply.expected

    @property
    def count(self) -> int:
        """How many are to be sent, as far as is known."""
        return self.counted.total

    @property
    def ready(self) -> Iterable[Parcel]:
        """What is here and nobody has taken."""
        return self._ready

    @property
    def following(self) -> Parcel | None:
        """Give what is taken next, if that is known."""
        return self._ready[0] if self._ready else None

    @property
    def is_coming(self) -> bool:
        """Tell whether the archive still owes us something."""
        return (bool(self._coming) or self._is_unlisted) and not self._is_stopped

    @property
    def is_stopped(self) -> bool:
        """Tell whether nothing more is wanted."""
        return self._is_stopped

    def take_next(self) -> Parcel | None:
        """Take what is next if it is here; it is given back, or its fate told."""
        if not self._ready or self._is_stopped:
            return None
        parcel = self._ready.popleft()
        self._ready_bytes -= parcel.size
        self._room.set()
        return parcel

    def take(self, count: int) -> list[Parcel]:
        """Take what is here, up to a number."""
        taken = iter(self.take_next, None)
        return list(islice(taken, count))

    def give_back(self, parcels: Sequence[Parcel]) -> None:
        """Have these taken next, by whoever comes."""
        self._ready.extendleft(reversed(parcels))
        self._ready_bytes += sum([parcel.size for parcel in parcels])
        self._news.set()

    async def has_more(self, *, seconds: float | None = None) -> bool:
        """Wait until something is here, or nothing more comes: then it is False.

        Raises:
            TimeoutError: neither within `seconds`.
        """
        async with asyncio.timeout(seconds):
            while self.is_coming and not self._ready:
                self._news.clear()
                await self._news.wait()
        return bool(self._ready) and not self._is_stopped

    def stop(self) -> None:
        """Nothing more is wanted: the archive stops, and nothing more is taken."""
        self._is_stopped = True
        if self._bringing is not None:
            self._bringing.cancel()
        self._news.set()

    def stored(self, parcel: Parcel, status: int) -> None:
        """Count what the receiver answered."""
        if self.counted.stored(parcel.sop_instance_uid, status):
            self.size += parcel.size
        else:
            self.reason = f"the peer answered: {describe(status, Service.STORE)}"
        self._let_go(parcel.sop_instance_uid)

    def not_stored(self, parcel: Parcel, reason: str) -> None:
        """Count an instance that did not arrive; `reason` is for the log and the peer."""
        self._fail(parcel.sop_instance_uid, reason)
        self._let_go(parcel.sop_instance_uid)

    def fail_rest(self, reason: str) -> None:
        """Count all that nobody has taken, here or not, as not stored: nobody can."""
        coming, self._coming = self._coming, {}
        if self._bringing is not None:
            self._bringing.cancel()
        for parcel in self.take(len(self._ready)):
            self.not_stored(parcel, reason)
        for uid in coming:
            self._fail(uid, reason)
        self._fail_nameless(reason, at_least=0)
        self._news.set()

    def ending(self) -> Ending:
        """Say how the whole ends; if nothing arrived, or there may be more, with why."""
        ending = self.counted.ending()
        if ending.status == SUCCESS and self._supply.warnings:
            # What nobody could count has not failed, but this is no success either.
            self.reason = "; ".join(self._supply.warnings)
            return Ending(SUBOPERATIONS_FAILED, partial_comment(self._supply.warnings))
        if ending.status == CANNOT_PERFORM and self.reason:
            return replace(ending, comment=self.reason)
        return ending

    @contextlib.asynccontextmanager
    async def coming(self) -> AsyncIterator[None]:
        """Have what is not here brought while the context lasts."""
        if self.is_at_hand:
            yield
            return
        bringing = self._bringing = asyncio.get_running_loop().create_task(self._bring())
        try:
            yield
        finally:
            bringing.cancel()
            await asyncio.wait({bringing})
            error = None if bringing.cancelled() else bringing.exception()
        if error is not None:
            raise error

    async def close(self) -> None:
        """Let go of everything; the archive stops."""
        await self._supply.aclose()

    async def _bring(self) -> None:
        try:
            async with closing(aiter(self._supply)) as arriving:
                async for one in arriving:
                    self._arrive(one)
                    while self._has_enough:
                        self._room.clear()
                        await self._room.wait()
            self._settle()
            self._miss_rest(_NEVER_CAME)
        except HilumError as error:
            self.failure = error
            self._miss_rest(str(error))
        except Exception:
            # A fault of ours: nobody must wait for what does not come.
            self._miss_rest(_NEVER_CAME)
            raise

    @property
    def _has_enough(self) -> bool:
        is_long = self._ready_bytes >= self._ready_bytes_max
        return is_long or len(self._ready) >= _READY_MAX

    def _arrive(self, one: Holding | Missing) -> None:
        uid = one.sop_instance_uid
        if self._is_unlisted and uid not in self._seen:
            self._seen.add(uid)
            self._coming[uid] = None
            self.counted.expect(max(self.counted.total, self._supply.count, len(self._seen)))
        if uid not in self._coming:
            # Told twice, or never expected: the peer was told how many it gets.
            if isinstance(one, Holding):
                self._supply.done(one)
            return
        del self._coming[uid]
        if isinstance(one, Missing):
            self._fail(UID(uid), one.reason)
        else:
            self._keep(one)
        self._news.set()

    def _settle(self) -> None:
        """Everything has come that there is: so many are sent, whatever was counted before."""
        if self._is_unlisted:
            self._is_unlisted = False
            self.counted.expect(len(self._seen))

    def _fail_nameless(self, reason: str, *, at_least: int) -> None:
        """Count what nobody has listed and did not come."""
        if self._is_unlisted:
            self._is_unlisted = False
            lacking = max(self.counted.total - len(self._seen), at_least)
            self.counted.expect(len(self._seen) + lacking)
            self.counted.nameless_failed(lacking)
            self.reason = reason

    def _keep(self, holding: Holding) -> None:
        self._held[holding.sop_instance_uid] = holding
        self._ready.append(parcel_of(holding))
        self._ready_bytes += holding.size

    def _miss_rest(self, reason: str) -> None:
        coming, self._coming = self._coming, {}
        for uid in coming:
            self._fail(UID(uid), reason)
        self._fail_nameless(reason, at_least=1)
        self._news.set()

    def _fail(self, uid: str, reason: str) -> None:
        self.counted.not_stored(UID(uid))
        self.reason = reason

    def _let_go(self, uid: str) -> None:
        holding = self._held.pop(uid, None)
        if holding is not None:
            self._supply.done(holding)


def parcel_of(holding: Holding) -> Parcel:
    """Give what is held as something to be sent; nobody keeps an account of it as of a delivery."""
    return Parcel(
        delivery_id=0,
        sop_class_uid=UID(holding.sop_class_uid),
        sop_instance_uid=UID(holding.sop_instance_uid),
        series_instance_uid=UID(holding.series_instance_uid),
        study_instance_uid=UID(holding.study_instance_uid),
        transfer_syntax_uid=UID(holding.transfer_syntax_uid),
        size=holding.size,
        path=holding.path,
    )
