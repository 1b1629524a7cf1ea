"""Answers a question by searches: splits it, walks where a resource is missing, looks at all again.

Streams throughout: what is kept of matches is their identity, never themselves.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from hilum.destinations.dicomweb.archive import ailing
from hilum.destinations.dicomweb.archive.asking import Asking
from hilum.destinations.dicomweb.archive.checking import completed, may_match, patient_of
from hilum.destinations.dicomweb.archive.manner import NOT_THERE, Manner
from hilum.destinations.dicomweb.archive.paging import Paging
from hilum.destinations.dicomweb.archive.search_words import (
    PATIENTS,
    KeyStyle,
    Search,
    alternatives,
    asks_above,
    asks_computed,
    cannot_say,
    has_list,
    narrowed_to,
    search_of,
    series_above,
    studies_above,
    without_above,
)
from hilum.dicom.dataset import DataSet
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.archive.ports import Batch
from hilum.pipeline.closing import closing
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Query

_BATCH_MATCHES: Final = 64
_NO_MATCH: Final = frozenset((404, 410))
_Found = AsyncGenerator[DataSet, None]


@dataclass(frozen=True, slots=True)
class _Question:
    """A part of a question. `enough`: how many matches may do; None: all of them."""

    query: Query
    enough: int | None = None
    resource: str = ""  # PATIENTS, or where its level is searched
    warnings: list[str] = field(default_factory=list)

    def about(self, query: Query) -> "_Question":
        """Ask something else on the way to the answer; all of it."""
        return _Question(query, warnings=self.warnings)


class Finding:
    """Searches one server. Every method raises AnswererFailed."""

    def __init__(self, asking: Asking, root: str, manner: Manner, style: KeyStyle) -> None:
        self._asking = asking
        self._root = root
        self._manner = manner
        self._style = style

    async def batches(self, query: Query) -> AsyncGenerator[Batch, None]:
        """Give all matches, batch by batch; the first comes even if it is empty."""
        ignored = (*query.unsupported, *cannot_say(query))
        pending: list[Match] = []
        warnings: list[str] = []
        is_first = True
        async with closing(self._page(query, warnings)) as matches:
            async for match in matches:
                pending.append(match)
                if is_first or len(pending) >= _BATCH_MATCHES:
                    yield Batch(tuple(pending), ignored, tuple(warnings))
                    pending.clear()
                    is_first = False
        if pending or is_first or warnings:
            yield Batch(tuple(pending), ignored, tuple(dict.fromkeys(warnings)))

    async def _page(self, query: Query, warnings: list[str]) -> AsyncGenerator[Match, None]:
        """Cut out what offset and limit say, of matches that were looked at again."""
        skip, left = query.offset, query.limit
        if left == 0:
            return
        enough = None if left is None else skip + left
        asked = self.data_sets(query, enough=enough, warnings=warnings)
        async with closing(asked) as found:
            async for data_set in found:
                if skip:
                    skip -= 1
                    continue
                yield Match(query.level, data_set, self._asking.answerer)
                if left is not None:
                    left -= 1
                    if not left:
                        return

    async def data_sets(
        self, query: Query, *, enough: int | None = None, warnings: list[str] | None = None
    ) -> _Found:
        """Give each match once, with all that is wanted of it; `warnings` grow on the way."""
        seen: set[int] = set()
        question = _Question(query, enough, warnings=[] if warnings is None else warnings)
        async with closing(self._of_level(question)) as found:
            async for data_set in found:
                identity = Match(query.level, data_set).identity
                unique = hash(identity)
                if identity[-1] and unique not in seen and may_match(query, data_set):
                    seen.add(unique)
                    yield completed(data_set, (), query.wanted)

    def _of_level(self, question: "_Question") -> _Found:
        if question.query.level == Level.PATIENT:
            return self._patients(question)
        return self._in_lists(question)

    async def _patients(self, question: "_Question") -> _Found:
        """Search for patients; where there is no such resource, for their studies."""
        if "/patients" not in self._manner.unknown:
            try:
                asked = self._in_lists(replace(question, resource=PATIENTS))
                async with closing(asked) as found:
                    async for data_set in found:
                        yield data_set
                return  # noqa: TRY300 -- of a generator
            except AnswererFailed as error:
                if ailing.code_of(error) not in NOT_THERE:
                    raise
        studies = replace(question.query, level=Level.STUDY)
        async with closing(self._in_lists(question.about(studies))) as found:
            async for data_set in found:
                self._manner.unknown.add("/patients")
                yield patient_of(data_set)

    async def _in_lists(self, question: "_Question") -> _Found:
        """Ask with lists of UIDs; one by one where the server does not know lists."""
        manner = self._manner
        is_list = has_list(question.query)
        has_any = False
        if manner.lists is not False or not is_list:
            try:
                async with closing(self._split(question, lists=True)) as found:
                    async for data_set in found:
                        has_any = True
                        yield data_set
            except AnswererFailed as error:
                if not is_list or has_any or ailing.code_of(error) != 400:
                    raise
            if has_any and is_list:
                manner.lists = True
            if has_any or not is_list or manner.lists:
                return
        async with closing(self._split(question, lists=False)) as found:
            async for data_set in found:
                manner.lists = False
                yield data_set

    async def _split(self, question: "_Question", *, lists: bool) -> _Found:
        for query in alternatives(question.query, lists=lists):
            async with closing(self._one(replace(question, query=query))) as found:
                async for data_set in found:
                    yield data_set

    async def _one(self, question: "_Question") -> _Found:
        """Search one resource; walk to it where it is missing."""
        query, is_of_patients = question.query, question.resource == PATIENTS
        search = search_of(query, self._style, patients=is_of_patients)
        walk = self._walk_to(question, search)
        must_walk = asks_above(query)
        if must_walk:
            # Counted or collected above, which is not in the data sets below: nobody knows it here.
            narrowed = question.about(without_above(query))
            walk = partial(self._walk, narrowed, studies_above(query), Level.STUDY)
        elif walk is None or search.shape not in self._manner.unknown:
            try:
                async with closing(self._searched(search, question)) as found:
                    async for data_set in found:
                        yield data_set
                return  # noqa: TRY300 -- of a generator
            except AnswererFailed as error:
                code = ailing.code_of(error)
                if walk is None and code in _NO_MATCH and not is_of_patients:
                    return
                if walk is None or code not in NOT_THERE:
                    raise
        assert walk is not None  # noqa: S101 -- else it was raised
        async with closing(walk()) as found:
            async for data_set in found:
                if not must_walk:
                    self._manner.unknown.add(search.shape)
                yield data_set

    async def _searched(self, search: Search, question: "_Question") -> _Found:
        """Search a resource; wider, where the server does not understand what is escaped."""
        # Seen: Orthanc 1.10 with its plugin 1.7 compares %5E, and not what it stands for.
        manner = self._manner
        doubtful = search.has_escapes and manner.unescapes is not True
        has_any = False
        if not (doubtful and manner.unescapes is False):
            async with closing(self._paged(search, question)) as found:
                async for data_set in found:
                    has_any = True
                    yield data_set
            if has_any and doubtful:
                manner.unescapes = True
        if doubtful and not has_any:
            async with closing(self._paged(search.without_escapes(), question)) as found:
                async for data_set in found:
                    if may_match(question.query, data_set):
                        manner.unescapes = False
                    yield data_set

    async def _paged(self, search: Search, question: "_Question") -> _Found:
        paging = Paging(self._asking, self._root, self._manner, search, question.query.via)
        async with closing(paging.data_sets(enough=question.enough)) as found:
            async for data_set in found:
                yield completed(data_set, search.within, ())
        question.warnings.extend(paging.warnings)

    def _walk_to(self, question: "_Question", search: Search) -> Callable[[], _Found] | None:
        """Give the way round a resource; None: there is none."""
        query = question.query
        if search.shape in {"/series", "/instances"}:
            return partial(self._walk, question, studies_above(query), Level.STUDY)
        if search.shape == "/studies/{}/instances":
            return partial(self._walk, question, series_above(query), Level.SERIES)
        return None

    async def _walk(self, question: "_Question", above: Query, level: Level) -> _Found:
        """Search within each of what is found above."""
        uids = () if asks_computed(above) else above.uids(level)
        if not uids:
            # All of them first: a search that waits for another would keep its connection.
            uids = tuple([uid async for uid in self._uids(question.about(above), level)])
        for uid in uids:
            inner = narrowed_to(question.query, level, uid)
            async with closing(self._in_lists(question.about(inner))) as found:
                async for data_set in found:
                    yield data_set

    async def _uids(self, question: "_Question", level: Level) -> AsyncIterator[str]:
        asked = self.data_sets(question.query, warnings=question.warnings)
        async with closing(asked) as found:
            async for data_set in found:
                yield data_set.text(level.unique_tag)
