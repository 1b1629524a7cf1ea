"""Matches of several answerers as they come: each once, and only those of the page."""

from collections.abc import Sequence
from typing import Final

from hilum.pipeline.answerers.differing import Differences, Traits, traits_of
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Query

# Studies that are compared with what others say of them. What is behind is told once, too.
_COMPARED_MAX: Final = 10_000


class Merging:
    """Puts together one answer. Answerers come one after the other, in the order that counts."""

    def __init__(self, query: Query, differences: Differences) -> None:
        self._differences = differences
        self._compares = query.level is Level.STUDY
        self._seen: dict[tuple[str, ...], tuple[str, Traits] | None] = {}
        self._begin = query.offset
        self._end = None if query.limit is None else query.offset + query.limit

    @property
    def is_full(self) -> bool:
        """Tell whether the page has all it may have."""
        return self._end is not None and len(self._seen) >= self._end

    def take(self, matches: Sequence[Match], answerer: str) -> tuple[Match, ...]:
        """Give those that nobody told of before and that are on the page."""
        given: list[Match] = []
        for match in matches:
            if self.is_full:
                break
            identity = match.identity
            if identity in self._seen:
                self._compare(identity, match, answerer)
                continue
            if len(self._seen) >= self._begin:
                given.append(match)
            self._seen[identity] = self._note(match, answerer)
        return tuple(given)

    def _note(self, match: Match, answerer: str) -> tuple[str, Traits] | None:
        if not self._compares or len(self._seen) >= _COMPARED_MAX:
            return None
        return answerer, traits_of(match)

    def _compare(self, identity: tuple[str, ...], match: Match, answerer: str) -> None:
        noted = self._seen[identity]
        if noted is not None and noted[0] != answerer:
            self._differences.compare(*noted, match, answerer)
