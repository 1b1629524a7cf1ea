"""Several archives of the same kind as one: each question goes to one of them.

To the least busy for its weight, of those that are well; a study stays where it was found, and the
pages of a question where the first was. When one cannot answer, or has not what is named, the next
is asked.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from typing import Final, Protocol, TypeVar, cast

from hilum.dicom import tags
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.entry import Origin
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.events import RivalAsked
from hilum.pipeline.answerers.fetching import SILENT_SECONDS
from hilum.pipeline.answerers.guarding import PATIENT_SECONDS
from hilum.pipeline.answerers.orders import Orders
from hilum.pipeline.answerers.ports import Answerer, Expected, Fetch
from hilum.pipeline.answerers.relaying import Bringer, Relay
from hilum.pipeline.answerers.telling import late
from hilum.pipeline.archive.ports import Batch, Missing
from hilum.pipeline.landing import Sink
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval

# Studies of which it is known where they were found; the least recently used is forgotten.
_PLACES_MAX: Final = 20_000


# How long one may say nothing before the next is asked; the last one has all the time there is.
PATIENCE_SECONDS: Final = PATIENT_SECONDS

_T = TypeVar("_T")


class Member(Answerer, Protocol):
    """One of them (`GuardedAnswerer`)."""

    @property
    def is_well(self) -> bool:
        """Tell whether it is asked at all."""
        ...

    @property
    def busy(self) -> int:
        """Give how many questions are under way or wait."""
        ...


class OneOf:
    """An `Answerer` over several, which it does not own: others may ask them, too."""

    def __init__(
        self,
        name: str,
        members: Sequence[Member],
        weights: Mapping[str, float] | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        telemetry: Telemetry | None = None,
    ) -> None:
        """Begin; a member without a weight has 1, and no weight is 0.

        `patience_seconds`: a fetch of which nothing comes for so long is begun at the next, too.
        """
        self.name = name
        self._members = members
        self._weights = weights or {}
        self._given: Counter[str] = Counter()
        self._places: OrderedDict[str, str] = OrderedDict()
        self._orders = Orders()
        self._patience_seconds = patience_seconds
        self._telemetry = telemetry
        self._silent_until: dict[str, float] = {}

    def has_asked(self, asker: Origin) -> bool:
        """Tell whether one of them is who asks: the others have what that one has."""
        return any(member.has_asked(asker) for member in self._members)

    async def meet(self) -> None:
        """Find out what each calls itself (see the port)."""
        for member in self._members:
            await member.meet()

    async def find(self, query: Query) -> AsyncIterator[Batch]:
        """Give all matches of one of them (see the port)."""
        studies = query.uids(Level.STUDY)
        before = self._orders.of(query) if query.offset else ()
        nothing: Batch | None = None
        failures: list[AnswererFailed] = []
        for member, seconds in _patiently(self._ordered(studies, before)):
            has_given = False
            try:
                async with aclosing(self._found(member, query, seconds)) as batches:
                    async for batch in batches:
                        if has_given or batch.matches or query.offset or not studies:
                            has_given = True
                            yield batch
                        nothing = nothing or batch
            except AnswererFailed as error:
                if has_given:
                    raise
                failures.append(error)
            if has_given:
                return
        if failures or nothing is None:
            raise failures[0]
        yield nothing

    async def expect(self, retrieval: Retrieval) -> Sequence[Expected]:
        """Give the instances of a retrieval, as the first that has any says (see the port)."""
        failures: list[AnswererFailed] = []
        members = self._ordered(retrieval.keys.get(Level.STUDY, ()))
        for member, seconds in _patiently(members):
            try:
                found = await _soon(member.expect(retrieval), member, seconds)
            except AnswererFailed as error:
                failures.append(error)
                continue
            if found:
                self._remember(member, {one.study_instance_uid for one in found})
                return found
        if failures:
            raise failures[0]
        return ()

    async def count(self, retrieval: Retrieval) -> int | None:
        """Tell how many instances there are, as the first says that has any (see the port)."""
        failures: list[AnswererFailed] = []
        studies = retrieval.keys.get(Level.STUDY, ())
        for member, seconds in _patiently(self._ordered(studies)):
            try:
                count = await _soon(member.count(retrieval), member, seconds)
            except AnswererFailed as error:
                failures.append(error)
                continue
            if count != 0:
                self._remember(member, studies if count else ())
                return count
        if failures:
            raise failures[0]
        return 0

    async def fetch(self, fetch: Fetch, sink: Sink) -> Mapping[str, Missing]:
        """Bring instances into the sink; what one has not, or not soon, is fetched from the next.

        A whole fetch is answered by the first that can begin: what it lacks is listed afterwards.
        """
        if fetch.wanted is None:
            studies = fetch.retrieval.keys.get(Level.STUDY, ())
        else:
            studies = tuple(dict.fromkeys(one.study_instance_uid for one in fetch.wanted))
        relay = Relay(
            self._ordered(studies),
            fetch,
            sink,
            patience_seconds=self._patience_seconds,
            asked_too=self._asked_too,
            left_behind=self._left_behind,
        )
        return await relay.run()

    async def verify(self) -> None:
        """Find out whether one of them would answer now."""
        failures: list[AnswererFailed] = []
        for member in self._ordered(()):
            try:
                return await member.verify()
            except AnswererFailed as error:
                failures.append(error)
        raise failures[0]

    async def aclose(self) -> None:
        """Leave them: who made them closes them."""

    async def _found(
        self, member: Member, query: Query, seconds: float | None
    ) -> AsyncGenerator[Batch, None]:
        found = cast("AsyncGenerator[Batch, None]", member.find(query))
        async with aclosing(found) as batches:
            batch = await _soon(anext(batches, None), member, seconds)
            while batch is not None:
                self._orders.remember(query, [member.name])
                if query.level >= Level.STUDY:
                    uid = tags.STUDY_INSTANCE_UID
                    self._remember(member, {one.attributes.text(uid) for one in batch.matches})
                yield batch
                batch = await anext(batches, None)

    def _ordered(self, studies: Sequence[str], before: Sequence[str] = ()) -> list[Member]:
        """Give all, in the order they are to be asked; the first one is counted as asked."""
        places = before or {self._places[one] for one in studies if one in self._places}

        now = asyncio.get_running_loop().time()

        def rank(member: Member) -> tuple[bool, bool, bool, float, float]:
            weight = self._weights.get(member.name, 1.0)
            served = self._given[member.name] / weight
            is_elsewhere = bool(places) and member.name not in places
            is_silent = self._silent_until.get(member.name, now) > now
            busy = (member.busy + 1) / weight
            return not member.is_well, is_silent, is_elsewhere, busy, served

        ordered = sorted(self._members, key=rank)
        self._given[ordered[0].name] += 1
        return ordered

    def _asked_too(self, silent: Bringer, rival: Bringer) -> None:
        if self._telemetry is not None:
            self._telemetry.emit(RivalAsked(silent.name, rival.name, self._patience_seconds))

    def _left_behind(self, silent: Bringer) -> None:
        """Ask it last for a while: it may answer questions, and give nothing."""
        self._silent_until[silent.name] = asyncio.get_running_loop().time() + SILENT_SECONDS

    def _remember(self, member: Member, studies: Iterable[str]) -> None:
        for study in studies:
            self._places[study] = member.name
            self._places.move_to_end(study)
        while len(self._places) > _PLACES_MAX:
            self._places.popitem(last=False)


def _patiently(members: Sequence[Member]) -> list[tuple[Member, float | None]]:
    """Give each with how long it may say nothing."""
    return [(one, PATIENCE_SECONDS) for one in members[:-1]] + [(members[-1], None)]


async def _soon(answer: Awaitable[_T], member: Member, seconds: float | None) -> _T:
    """Wait for the beginning of an answer. Raises AnswererFailed."""
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError as error:
        raise late(member.name, seconds or 0.0) from error
