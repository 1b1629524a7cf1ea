"""Searches (QIDO-RS, PS3.18 §10.6): parameters in, matches out, with a word about what is missing.

A list that is not long is written before its head goes out, so that the head can tell of what is
behind it. A longer one is streamed, and its head says how many there are at most. Where several
archives are asked, the results of those that answered do not wait for the others for long; the head
says so.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from hilum.dicomweb.choice import Accepted, Choice
from hilum.dicomweb.choices import search_choices
from hilum.dicomweb.refusal import bad
from hilum.dicomweb.resource import Entity, Place, Resource, Search
from hilum.dicomweb.search_warning import warning_headers
from hilum.pipeline.archive.ports import Archive
from hilum.query import parameters
from hilum.query.level import Level
from hilum.query.parameters import BadParameter, query_of_parameters
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.lists import form_of, streamed, whole
from hilum.sources.web.results import Results, ResultWriter

_LEVELS: Final = {
    Entity.PATIENT: Level.PATIENT,
    Entity.STUDY: Level.STUDY,
    Entity.SERIES: Level.SERIES,
    Entity.INSTANCE: Level.IMAGE,
}
_CHOICES: Final = search_choices()
# Who answers within this is told of in the head; the others keep nobody waiting.
PATIENCE_SECONDS: Final = 0.03
# What was found a moment ago may be otherwise now.
_FRESH: Final = {"Cache-Control": "no-cache"}


class Searching:
    """Answers searches from an archive."""

    def __init__(
        self,
        archive: Archive,
        *,
        limit_max: int,
        empty_status: int,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Give at most `limit_max` results; answer a search without any with `empty_status`.

        `patience_seconds`: how long results wait for archives that have said nothing yet.
        """
        self._archive = archive
        self._limit_max = limit_max
        self._empty_status = empty_status
        self._patience_seconds = patience_seconds

    async def __call__(self, exchange: Exchange, resource: Resource) -> Reply:
        """Answer one search. Raises RequestRefused, and what the archive does."""
        assert isinstance(resource, Search)  # noqa: S101 - what it is registered for
        choice = _choice_of(exchange.accepted())
        search = self._search(exchange, resource)
        results = self._results(exchange, search, choice)
        try:
            await results.gather()
        except BaseException:
            await results.aclose()
            raise
        headers = dict(_FRESH)
        told = [*search.warnings, *results.warnings()]
        if told:
            headers["Warning"] = ", ".join(warning_headers(str(exchange.root), told))
        return await self._reply(results, choice, headers)

    def _search(self, exchange: Exchange, resource: Search) -> parameters.Search:
        try:
            return query_of_parameters(
                _LEVELS[resource.entity],
                exchange.parameters(),
                resource=_uids(resource.within),
                limit_max=self._limit_max,
            )
        except BadParameter as error:
            raise bad(str(error)) from error

    def _results(self, exchange: Exchange, search: parameters.Search, choice: Choice) -> Results:
        query = search.query
        limit = self._limit_max if query.limit is None else query.limit
        # One more tells whether there are more.
        found = self._archive.find(replace(query, limit=limit + 1), exchange.origin())
        writer = ResultWriter(query, exchange.root, choice.essence)
        return Results(found, writer, limit, patience_seconds=self._patience_seconds)

    async def _reply(self, results: Results, choice: Choice, headers: dict[str, str]) -> Reply:
        form = form_of(choice)
        if not results.is_whole:
            return Reply(200, form.content_type, streamed(form, results.all()), headers)
        await results.aclose()
        if not results.held and self._empty_status == 204:
            return Reply(204, headers=headers)
        return Reply(200, form.content_type, whole(form, results.held), headers)


@lru_cache(maxsize=128)
def _choice_of(accepted: Accepted) -> Choice:
    """Choose the form of the answer. Raises RequestRefused: 406."""
    return accepted.choose(_CHOICES)


def _uids(place: Place) -> dict[Level, str]:
    """Give what the path narrows a search to."""
    named = {Level.STUDY: place.study, Level.SERIES: place.series, Level.IMAGE: place.instance}
    return {level: uid for level, uid in named.items() if uid}
