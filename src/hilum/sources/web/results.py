"""Matches of a search as data sets that are sent, and what is to be said of those that are not."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from hilum.dicom.dictionary import entry
from hilum.dicom.native_xml_writer import to_xml
from hilum.dicom.text_data_set import TextDataSet
from hilum.dicomweb.addresses import path_of
from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.media_types import DICOM_XML
from hilum.dicomweb.search_warning import MORE_RESULTS, at_most
from hilum.kernel.names import is_uid
from hilum.pipeline.answerers.partial import partial_warnings
from hilum.pipeline.archive.ports import Batch
from hilum.query.answer import result_of
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Attribute, Query
from hilum.query.result_json import ResultJson
from hilum.sources.web.batches import Batches
from hilum.sources.web.lists import close
from hilum.sources.web.supplied import Incomplete

# Longer lists are not gathered: some thousand studies.
HELD_BYTES_MAX: Final = 4 << 20
# Writing one takes a tenth of a millisecond; others want the event loop in between.
_AT_ONCE: Final = 32
_ROWS_AT_ONCE: Final = 256  # of our own catalogue, in JSON: some microseconds each
_NAMED: Final = (Level.STUDY, Level.SERIES, Level.IMAGE)


class ResultWriter:
    """Writes matches as answers, each with the address of what it stands for."""

    def __init__(self, query: Query, root: BaseUrl, essence: str) -> None:
        self._query = query
        self._named = [level.unique_tag for level in _NAMED if level <= query.level]
        self._base = str(root)
        self._json = None if essence == DICOM_XML else ResultJson(query)

    def at_once(self, matches: Sequence[Match]) -> int:
        """Say how many of these may be written before others have their turn."""
        is_quick = self._json is not None and self._json.is_quick
        if is_quick and matches and isinstance(matches[0].attributes, TextDataSet):
            return _ROWS_AT_ONCE
        return _AT_ONCE

    def write(self, matches: Iterable[Match]) -> list[bytes]:
        """Write some of them."""
        if self._json is None:
            return [
                to_xml(result_of(self._query, one, retrieve_url=self._url(one))) for one in matches
            ]
        write = self._json.write
        return [write(one, retrieve_url=self._url(one)) for one in matches]

    def _url(self, match: Match) -> str:
        """Give the address of a match; "" where no path could name it.

        A UID that is none is left out of the path, as flat paths do.
        """
        text = match.attributes.text
        uids = [uid if is_uid(uid := text(tag)) else "" for tag in self._named]
        if not uids or not uids[-1]:
            return ""
        return f"{self._base}{path_of(*uids)}"


class Results:
    """The results of one search: gathered as far as that costs little, then one by one."""

    def __init__(
        self,
        found: AsyncIterator[Batch],
        writer: ResultWriter,
        limit: int,
        *,
        patience_seconds: float,
    ) -> None:
        """Take at most `limit` of what was found; the search itself may give one more.

        `patience_seconds`: so long do results wait for archives that have said nothing yet.
        """
        self.held: list[bytes] = []
        self.is_whole = False
        self._batches = Batches(found)
        self._writer = writer
        self._limit = limit
        self._patience_seconds = patience_seconds
        self._deadline: float | None = None
        self._ignored: tuple[Attribute, ...] = ()
        self._said: dict[str, None] = {}
        self._awaited: tuple[str, ...] = ()
        self._has_more = False
        self._written = self._write()

    async def gather(self) -> None:
        """Write results until there are no more, or those that wait are enough, or long enough."""
        size = 0
        async for results in self._written:
            if results is None:
                if not await self._come_soon():
                    return
                continue
            self.held += results
            size += sum(map(len, results))
            if size > HELD_BYTES_MAX:
                return
        self.is_whole = True

    async def all(self) -> AsyncIterator[bytes | None]:
        """Give those that were gathered, and all behind them; None: the next is waited for.

        Raises:
            Incomplete: some will not come, and the head has not said that this may be.
        """
        told, may_lack = len(self._said), bool(self._awaited)
        try:
            for result in self.held:
                yield result
            self.held.clear()
            yield None
            async for results in self._written:
                if results is None and len(self._said) > told and not may_lack:
                    raise Incomplete(next(reversed(self._said)))
                for later in results or (None,):
                    yield later
        finally:
            await self.aclose()

    def warnings(self) -> list[str]:
        """Say why the answer may be other than expected."""
        told = [f"{_name(one)} is not searched for and was ignored" for one in self._ignored]
        told += partial_warnings(self._said)
        if self._has_more:
            return [*told, MORE_RESULTS]
        if self.is_whole:
            return told
        return [*told, *partial_warnings(map(_not_yet, self._awaited)), at_most(self._limit)]

    async def aclose(self) -> None:
        """End the search."""
        await close(self._written)
        await self._batches.aclose()

    async def _come_soon(self) -> bool:
        """Wait for the next batch for as long as what is here can wait."""
        if not self._awaited or not self.held:
            return True
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now + self._patience_seconds
        return await self._batches.comes_within(self._deadline - now)

    async def _write(self) -> AsyncIterator[list[bytes] | None]:
        """Give results, some at a time; None: what is next has to be waited for."""
        left = self._limit
        while (batch := await self._batches.next()) is not None:
            self._ignored = batch.ignored
            self._said |= dict.fromkeys(batch.warnings)
            self._awaited = batch.awaited
            at_once = self._writer.at_once(batch.matches)
            for first in range(0, len(batch.matches), at_once):
                some = batch.matches[first : first + at_once]
                if left < self._limit:
                    await asyncio.sleep(0)
                if left:
                    yield self._writer.write(some[:left])
                if len(some) > left:
                    self._has_more = True
                    return
                left -= len(some)
            yield None


def _not_yet(archive: str) -> str:
    return f"{archive}: has not answered yet"


def _name(attribute: Attribute) -> str:
    """Name an attribute as its parameter does; never its value."""
    known = entry(attribute) if isinstance(attribute, int) else None
    if known is not None and known.keyword:
        return known.keyword
    return f"{attribute:08X}" if isinstance(attribute, int) else "a private attribute"
