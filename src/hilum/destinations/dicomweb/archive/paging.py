"""One search, page by page, as a stream of data sets: never a page in memory.

A page that is short, empty, longer than asked for, or brings nothing new is the last one.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from hilum.destinations.dicomweb.archive import ailing
from hilum.destinations.dicomweb.archive.asking import Asking
from hilum.destinations.dicomweb.archive.manner import Manner
from hilum.destinations.dicomweb.archive.objects import data_set_of
from hilum.destinations.dicomweb.archive.reply import Reply
from hilum.destinations.dicomweb.archive.search_words import Search
from hilum.dicom.dataset import DataSet
from hilum.dicom.json_reader import BadJson
from hilum.dicomweb.media_types import DICOM_JSON, media_type
from hilum.dicomweb.object_stream import ObjectStream
from hilum.kernel.errors import RemoteProtocolError
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.closing import closing
from hilum.query.via import Via

_ACCEPT: Final = f"{DICOM_JSON}, application/json;q=0.9"
_JSON: Final = frozenset((DICOM_JSON, "application/json", "text/json"))
# Seen: servers with a limit of their own, a round number, that do not say so. One request more
# than needed costs little; studies that nobody finds cost a lot.
_ROUND: Final = 50
_MORE: Final = "additional results"
# More than any hospital has studies; a server that makes them up must come to an end.
_PAST_THE_END: Final = frozenset((404, 410, 416))
PAGES_MAX: Final = 100_000
_WHAT: Final = {"/patients": "search for patients", "/studies": "search for studies"}


class Paging:
    """The matches of one search. `warnings`: why they are not all, known behind the last one.

    Of its own warnings (299) only that there is more counts: for keys that it left out, what comes
    is looked at again anyway.
    """

    def __init__(
        self, asking: Asking, root: str, manner: Manner, search: Search, via: Via = ()
    ) -> None:
        self._asking = asking
        self._root = root
        self._manner = manner
        self._search = search
        self._via = via
        self._count = 0
        self._says_more = False
        self._seen: set[int] = set()
        self.warnings: list[str] = []

    async def data_sets(self, *, enough: int | None) -> AsyncGenerator[DataSet, None]:
        """Give all of them, each once; no more than `enough` are asked for at first.

        Raises AnswererFailed.
        """
        offset = 0
        for _ in range(PAGES_MAX):
            limit = self._manner.page_max if enough is None else min(self._manner.page_max, enough)
            is_new = False
            self._count = 0
            async with closing(self._page(limit, offset)) as found:
                async for data_set in found:
                    unique = hash(self._identity(data_set))
                    if unique not in self._seen:
                        self._seen.add(unique)
                        is_new = True
                        yield data_set
            if not is_new or not self._goes_on(min(limit, self._manner.page_max)):
                if self._says_more:
                    self.warnings.append("it has more matches than it gives")
                return
            offset += self._count

    def _identity(self, data_set: DataSet) -> tuple[str, ...]:
        tag = self._search.level.unique_tag
        return (data_set.text(tag), data_set.text(0x00100021))

    def _goes_on(self, limit: int) -> bool:
        """Tell whether there may be more behind the page that was read."""
        if self._count > limit:
            return False  # it gives all there is, whatever the limit
        return self._count == limit or self._says_more or self._count % _ROUND == 0

    async def _page(self, limit: int, offset: int) -> AsyncGenerator[DataSet, None]:
        """Ask for a page; after a 400, in ever more modest words."""
        manner: Manner | None = self._manner
        refusal: AnswererFailed | None = None
        while manner is not None:
            size = min(limit, manner.page_max)
            url = self._root + self._search.address(manner.include, limit=size, offset=offset)
            try:
                async with self._asking.get(url, _ACCEPT, what=self._what, via=self._via) as reply:
                    self._manner.learn(manner)
                    async with closing(self._read(reply)) as found:
                        async for data_set in found:
                            self._count += 1
                            yield data_set
                    return
            except AnswererFailed as error:
                code = ailing.code_of(error)
                if code in _PAST_THE_END and offset:
                    return
                if code != 400 or self._count:
                    raise
                refusal = refusal or error
                manner = manner.less()
        assert refusal is not None  # noqa: S101 -- it was tried
        raise refusal

    async def _read(self, reply: Reply) -> AsyncIterator[DataSet]:
        self._note(reply)
        objects = ObjectStream()
        is_checked = False
        try:
            async for piece in reply.pieces():
                for content in objects.feed(piece):
                    if not is_checked:
                        self._check_kind(reply)
                        is_checked = True
                    yield data_set_of(content, self._search.useful)
            objects.finish()
        except (RemoteProtocolError, BadJson) as error:
            raise self._asking.failed(f"its answer to a search cannot be read: {error}") from error
        if objects.started and not is_checked:
            self._check_kind(reply)

    def _check_kind(self, reply: Reply) -> None:
        """Refuse what is not said to be JSON: a page of a login, say."""
        try:
            essence = media_type(reply.media_type).essence if reply.media_type else DICOM_JSON
        except RemoteProtocolError as error:
            raise self._asking.failed(str(error)) from error
        if essence not in _JSON:
            raise self._asking.failed(f"it answered a search with {essence}")

    def _note(self, reply: Reply) -> None:
        self._says_more = False
        for text in reply.warnings:
            self._says_more = self._says_more or _MORE in text

    @property
    def _what(self) -> str:
        return _WHAT.get(self._search.shape, f"search {self._search.shape}")
