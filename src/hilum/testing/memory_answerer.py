"""An archive elsewhere that is in memory: answers rightly, or fails as it is told to.

It remembers what it was asked, and how much of that is under way, so a test sees what was shared,
what was cancelled and what was left open.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet, Value
from hilum.dicom.matching import matches_data_set
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import HilumError
from hilum.kernel.names import UID
from hilum.pipeline.answerers.ailments import Ailment, AnswererFailed, Lost
from hilum.pipeline.answerers.ports import UNNAMED, Expected, Fetch
from hilum.pipeline.archive.ports import Batch, Missing, Origin
from hilum.pipeline.landing import Incoming, Sink
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import GeneratedInstance


@dataclass(slots=True)
class Behaviour:
    """How it answers now; a test may change it at any moment."""

    ailment: Ailment | None = None  # what every question ends in
    seconds_before: float = 0.0  # until the first batch, list or byte
    seconds_each: float = 0.0  # for each batch and each instance
    batch: int = 100  # matches at once
    dies_after: int | None = None  # instances of a fetch, or matches of a search, that still come
    silent_after: int | None = None  # instances of a fetch, and then it never says anything
    missing: frozenset[str] = frozenset()  # listed, and cannot be had
    ignored: tuple[int, ...] = ()  # keys that it does not look at
    piece_bytes: int = 4096
    counts: bool = False  # whether it can say how many there are
    miscounts: int = 0  # how many more it says than there are
    whole_dies_after: int | None = None  # instances of a whole fetch that still come
    unlisted: frozenset[str] = frozenset()  # left out of whole fetches, without a word


@dataclass(slots=True)
class Asked:
    """What it was asked until now, and what of that is under way."""

    finds: list[Query] = field(default_factory=list)
    expects: list[Retrieval] = field(default_factory=list)
    counts: list[Retrieval] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)
    verified: int = 0
    sent: list[str] = field(default_factory=list)  # SOP Instance UIDs that were brought
    under_way: int = 0
    most_under_way: int = 0
    cancelled: int = 0


class MemoryAnswerer:
    """A `pipeline.answerers.ports.Answerer` over generated instances."""

    def __init__(
        self,
        name: str,
        instances: Iterable[GeneratedInstance] = (),
        behaviour: Behaviour | None = None,
    ) -> None:
        self.name = name
        self.instances = list(instances)
        self.behaviour = Behaviour() if behaviour is None else behaviour
        self.asked = Asked()
        self.is_closed = False
        self.pseudonym = ""

    def has_asked(self, asker: Origin) -> bool:
        """Tell whether it is who asks."""
        return self.pseudonym in asker.via

    async def meet(self) -> None:
        """Say what it calls itself: that is known."""

    async def find(self, query: Query) -> AsyncIterator[Batch]:
        """Give all matches, batch by batch."""
        self.asked.finds.append(query)
        with self._under_way():
            await self._begin()
            found = self._found(query)
            end = None if query.limit is None else query.offset + query.limit
            found = found[query.offset : end]
            left = self.behaviour.dies_after
            size = self.behaviour.batch
            for start in range(0, len(found) or 1, size):
                await asyncio.sleep(self.behaviour.seconds_each)
                part = found[start : start + size]
                if left is not None and len(part) > left:
                    if left:
                        yield Batch(part[:left], self.behaviour.ignored)
                    raise self._failure(Lost.ABORTED)
                left = None if left is None else left - len(part)
                yield Batch(part, self.behaviour.ignored)

    async def expect(self, retrieval: Retrieval) -> Sequence[Expected]:
        """Give the instances of a retrieval."""
        self.asked.expects.append(retrieval)
        with self._under_way():
            await self._begin()
            return [_expected(one) for one in self.instances if _is_meant(one, retrieval)]

    async def count(self, retrieval: Retrieval) -> int | None:
        """Tell how many instances there are, if it may."""
        self.asked.counts.append(retrieval)
        with self._under_way():
            await self._begin()
            found = sum(_is_meant(one, retrieval) for one in self.instances)
            return found + self.behaviour.miscounts if self.behaviour.counts else None

    async def fetch(self, fetch: Fetch, sink: Sink) -> Mapping[str, Missing]:
        """Bring instances into the sink, one after the other."""
        self.asked.fetches.append(fetch)
        with self._under_way():
            await self._begin()
            return await self._bring(fetch, sink)

    async def verify(self) -> None:
        """Say whether it would answer."""
        self.asked.verified += 1
        await self._begin()

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.is_closed = True

    async def _bring(self, fetch: Fetch, sink: Sink) -> dict[str, Missing]:
        held = {one.sop_instance_uid: one for one in self.instances}
        missing: dict[str, Missing] = {}
        brought = 0
        dies_after = self.behaviour.dies_after
        wanteds = fetch.wanted
        if wanteds is None:
            if self.behaviour.whole_dies_after is not None:
                dies_after = self.behaviour.whole_dies_after
            left_out = self.behaviour.unlisted
            meant = [one for one in self.instances if _is_meant(one, fetch.retrieval)]
            wanteds = [one for one in meant if one.sop_instance_uid not in left_out]
        for wanted in wanteds:
            uid = wanted.sop_instance_uid
            if brought == self.behaviour.silent_after:
                await asyncio.Event().wait()
            if brought == dies_after and fetch.wanted is None:
                return self._broken_off(brought)
            if brought == dies_after:
                reason = "the connection was lost"
            elif uid not in held or uid in self.behaviour.missing:
                reason = "it is not there"
            else:
                await asyncio.sleep(self.behaviour.seconds_each)
                reason = await self._send(held[UID(uid)], sink)
                brought += not reason
            if reason:
                missing[uid] = Missing(uid, reason)
        return missing

    def _broken_off(self, brought: int) -> dict[str, Missing]:
        """End a whole fetch early: what it lacks has no name."""
        if not brought:
            raise self._failure(Lost.ABORTED)
        return {UNNAMED: Missing(UNNAMED, "the connection was lost")}

    async def _send(self, one: GeneratedInstance, sink: Sink) -> str:
        """Bring one; say why not, if the sink does not take it."""
        incoming = Incoming(
            one.sop_class_uid, one.sop_instance_uid, one.transfer_syntax_uid, self.name
        )
        try:
            landing = await sink.land(incoming)
        except HilumError as error:
            return type(error).__name__
        try:
            for start in range(0, len(one.data_set), self.behaviour.piece_bytes):
                await landing.take(one.data_set[start : start + self.behaviour.piece_bytes])
            await landing.keep()
        except BaseException as error:
            await landing.drop()
            if isinstance(error, HilumError):
                return type(error).__name__
            raise
        self.asked.sent.append(one.sop_instance_uid)
        return ""

    async def _begin(self) -> None:
        await asyncio.sleep(self.behaviour.seconds_before)
        if self.behaviour.ailment is not None:
            raise self._failure(self.behaviour.ailment)

    def _failure(self, ailment: Ailment) -> AnswererFailed:
        return AnswererFailed(f"{self.name}: {ailment}", answerer=self.name, ailment=ailment)

    def _found(self, query: Query) -> tuple[Match, ...]:
        """Give one match for each patient, study, series or instance, in the order of instances."""
        found: dict[tuple[str, ...], Match] = {}
        keys = [key for key in query.keys if key.attribute not in self.behaviour.ignored]
        for one in self.instances:
            attributes = _attributes(one, query)
            if matches_data_set(keys, attributes):
                match = Match(query.level, attributes, self.name)
                found.setdefault(match.identity, match)
        return tuple(found.values())

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        asked = self.asked
        asked.under_way += 1
        asked.most_under_way = max(asked.most_under_way, asked.under_way)
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            asked.cancelled += 1
            raise
        finally:
            asked.under_way -= 1


def _attributes(one: GeneratedInstance, query: Query) -> DataSet:
    """Give the header, with what was wanted and is not in it as empty attributes."""
    found = read_data_set(one.data_set, transfer_syntax(one.transfer_syntax_uid))
    for tag in tags.PIXEL_TAGS:
        found.elements.pop(tag, None)
    for wanted in query.wanted:
        if isinstance(wanted.attribute, int):
            empty: Value = [] if wanted.vr == "SQ" else b""
            found.elements.setdefault(wanted.attribute, (wanted.vr, empty))
    return found


def _expected(one: GeneratedInstance) -> Expected:
    return Expected(
        one.sop_class_uid,
        one.sop_instance_uid,
        one.series_instance_uid,
        one.study_instance_uid,
    )


def _is_meant(one: GeneratedInstance, retrieval: Retrieval) -> bool:
    """Tell whether an instance is below everything that a retrieval names."""
    own = {
        Level.STUDY: one.study_instance_uid,
        Level.SERIES: one.series_instance_uid,
        Level.IMAGE: one.sop_instance_uid,
    }
    for level, values in retrieval.keys.items():
        if level is Level.PATIENT:
            header = read_data_set(one.data_set, transfer_syntax(one.transfer_syntax_uid))
            if header.text(tags.PATIENT_ID) not in values:
                return False
        elif own[level] not in values:
            return False
    return True
