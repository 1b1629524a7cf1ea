"""Matches of a search as data sets that are sent, and what is to be said of those that are not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from hilum.dicom.dictionary import entry
from hilum.dicom.native_xml_writer import to_xml
from hilum.dicomweb.addresses import url_of
from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.media_types import DICOM_XML
from hilum.dicomweb.resource import Place
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
_NAMED: Final = (Level.STUDY, Level.SERIES, Level.IMAGE)


class ResultWriter:
    """Writes one match after the other."""

    def __init__(self, query: Query, root: BaseUrl, essence: str) -> None:
        self._query = query
        self._root = root
        self._json = None if essence == DICOM_XML else ResultJson(query)

    def write(self, match: Match) -> bytes:
        """Write one match as an answer, with the address of what it stands for."""
        url = self._url(match)
        if self._json is not None:
            return self._json.write(match, retrieve_url=url)
        return to_xml(result_of(self._query, match, retrieve_url=url))

    def _url(self, match: Match) -> str:
        """Give the address of a match; "" where no path could name it."""
        uids = [_uid(match, level) for level in _NAMED if level <= match.level]
        if not uids or not uids[-1]:
            return ""
        return url_of(self._root, Place(*uids))


def _uid(match: Match, level: Level) -> str:
    """Give a UID for a path; what is none is left out of it, as flat paths do."""
    uid = match.attributes.text(level.unique_tag)
    return uid if is_uid(uid) else ""


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
        async for result in self._written:
            if result is None:
                if not await self._come_soon():
                    return
                continue
            self.held.append(result)
            size += len(result)
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
            async for later in self._written:
                if later is None and len(self._said) > told and not may_lack:
                    raise Incomplete(next(reversed(self._said)))
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

    async def _write(self) -> AsyncIterator[bytes | None]:
        """Give one result after the other; None: what is next has to be waited for."""
        number = 0
        while (batch := await self._batches.next()) is not None:
            self._ignored = batch.ignored
            self._said |= dict.fromkeys(batch.warnings)
            self._awaited = batch.awaited
            for match in batch.matches:
                if number == self._limit:
                    self._has_more = True
                    return
                number += 1
                if not number % _AT_ONCE:
                    await asyncio.sleep(0)
                yield self._writer.write(match)
            yield None


def _not_yet(archive: str) -> str:
    return f"{archive}: has not answered yet"


def _name(attribute: Attribute) -> str:
    """Name an attribute as its parameter does; never its value."""
    known = entry(attribute) if isinstance(attribute, int) else None
    if known is not None and known.keyword:
        return known.keyword
    return f"{attribute:08X}" if isinstance(attribute, int) else "a private attribute"
