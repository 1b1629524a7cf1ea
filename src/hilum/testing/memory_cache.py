"""A cache of fetched payloads in memory: fills `pipeline.answerers.ports.Cache` for tests.

`payloads` opens what is in it. It has the manners of the real one, without its bounds.
"""

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from hilum.kernel.errors import Full, NotAllowed
from hilum.kernel.names import is_uid
from hilum.pipeline.archive.metadata import addressed, metadata_of
from hilum.pipeline.archive.ports import Holding, Named
from hilum.pipeline.caching.examination import Examination
from hilum.pipeline.landing import Bytes, Incoming
from hilum.testing.payloads import MemoryPayloads

_RECEIVED: Final = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryCache:
    """Payloads by answerer and instance. Its attributes are what tests set and look at.

    Attributes:
        keeps: False: nothing stays longer than it is pinned (`bytes_max = 0`).
        is_full: nothing more may land.
        pins: how often each path is pinned.
    """

    def __init__(self, *, keeps: bool = True) -> None:
        self.keeps = keeps
        self.is_full = False
        self.payloads = MemoryPayloads()
        self.pins: Counter[str] = Counter()
        self.metadata_made = 0
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._metadata: dict[str, bytes] = {}
        self._landed = 0
        self._passing: set[str] = set()

    @property
    def paths(self) -> set[str]:
        """Give the paths of what is here."""
        return {holding.path for holding in self._holdings.values()}

    async def held(self, answerer: str, wanted: Collection[Named]) -> Mapping[str, Holding]:
        """Give what is here of `wanted`."""
        found = {}
        for one in wanted:
            holding = self._holdings.get((answerer, one.sop_instance_uid))
            if holding is not None and holding.study_instance_uid == one.study_instance_uid:
                found[one.sop_instance_uid] = holding
        return found

    async def has_any(self, answerer: str, study_instance_uid: str) -> bool:
        """Tell whether something of a study is here to stay."""
        return self.keeps and any(
            owner == answerer and one.study_instance_uid == study_instance_uid
            for (owner, _), one in self._holdings.items()
        )

    def sink(self, answerer: str) -> "MemoryCacheSink":
        """Give a place where instances of an answerer land."""
        return MemoryCacheSink(self, answerer)

    def pin(self, holding: Holding) -> None:
        """Keep it."""
        self.pins[holding.path] += 1

    def unpin(self, holding: Holding) -> None:
        """Let it go, if nothing is to be kept."""
        self.pins[holding.path] -= 1
        if self.pins[holding.path] <= 0:
            del self.pins[holding.path]
            if not self.keeps or holding.path in self._passing:
                self.forget(holding)

    async def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the DICOM JSON object of each that can be read."""
        for holding in holdings:
            kept = self._metadata.get(holding.path)
            if kept is None:
                try:
                    kept = metadata_of(self.payloads, holding)
                except OSError:
                    kept = b""
                self.metadata_made += 1
                self._metadata[holding.path] = kept
            if kept:
                yield addressed(kept, holding, bulk_root)

    def forget(self, holding: Holding) -> None:
        """Give it to nobody any more."""
        gone = [key for key, one in self._holdings.items() if one.path == holding.path]
        for key in gone:
            del self._holdings[key]
        self._metadata.pop(holding.path, None)
        self._passing.discard(holding.path)
        self.payloads.remove(holding.path)

    def keep(
        self, answerer: str, incoming: Incoming, content: bytes, *, is_passing: bool = False
    ) -> Holding:
        """Keep a data set, pinned once. Raises CorruptPayload, NotAllowed."""
        examination = Examination(incoming)
        examination.read([content])
        belonging = examination.finish()
        digest = hashlib.blake2b(content, digest_size=16).digest()
        holding = self._holdings.get((answerer, incoming.sop_instance_uid))
        if is_passing:
            holding = None
        if holding is None or holding.digest != digest:
            self._landed += 1
            holding = Holding(
                sop_class_uid=incoming.sop_class_uid,
                sop_instance_uid=incoming.sop_instance_uid,
                series_instance_uid=belonging.series_instance_uid,
                study_instance_uid=belonging.study_instance_uid,
                transfer_syntax_uid=incoming.transfer_syntax_uid,
                size=len(content),
                path=f"cache/{answerer}/{belonging.study_instance_uid}/{self._landed}.dcm",
                version=1,
                received_at=_RECEIVED,
                digest=digest,
            )
            if is_passing:
                self._passing.add(holding.path)
            else:
                self._holdings[answerer, incoming.sop_instance_uid] = holding
            self.payloads.put(holding.path, content)
        self.pin(holding)
        return holding


class MemoryCacheSink:
    """A sink that tells what was kept in it."""

    def __init__(self, cache: MemoryCache, answerer: str) -> None:
        self._cache = cache
        self._answerer = answerer
        self._kept: deque[Holding] = deque()
        self._news = asyncio.Event()
        self._is_over = False
        self.is_passing = False

    async def land(self, incoming: Incoming) -> "MemoryLanding":
        """Begin with an instance."""
        if self._cache.is_full:
            raise Full("there is no room in the cache")
        if not is_uid(incoming.sop_instance_uid):
            raise NotAllowed("its SOP Instance UID is not a UID")
        return MemoryLanding(self, incoming, is_passing=self.is_passing)

    async def kept(self) -> AsyncIterator[Holding]:
        """Give each holding as soon as it is complete, until `end`."""
        try:
            while True:
                while self._kept:
                    yield self._kept.popleft()
                if self._is_over:
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self._is_over = True
            while self._kept:
                self._cache.unpin(self._kept.popleft())

    def end(self) -> None:
        """Nothing more comes."""
        self._is_over = True
        self._news.set()

    def take(self, incoming: Incoming, content: bytes, *, is_passing: bool) -> None:
        """Keep a data set that is complete."""
        holding = self._cache.keep(self._answerer, incoming, content, is_passing=is_passing)
        if self._is_over:  # nobody is told of it
            self._cache.unpin(holding)
            return
        self._kept.append(holding)
        self._news.set()


class MemoryLanding:
    """One data set on its way."""

    def __init__(self, sink: MemoryCacheSink, incoming: Incoming, *, is_passing: bool) -> None:
        self._sink = sink
        self._incoming = incoming
        self._is_passing = is_passing
        self._pieces: list[Bytes] = []

    async def take(self, piece: Bytes) -> None:
        """Take the next bytes."""
        self._pieces.append(piece)

    async def keep(self) -> None:
        """Keep the whole."""
        self._sink.take(self._incoming, b"".join(self._pieces), is_passing=self._is_passing)

    async def drop(self) -> None:
        """Leave nothing behind."""
        self._pieces.clear()
