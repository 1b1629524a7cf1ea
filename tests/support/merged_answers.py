"""What answers of several answerers come to, all at hand: merging as they come is held against it.

The first answerer in the order of the entity wins; what is later in another's answer is the same
thing told again. Pages are cut from the whole, so two pages never share a match, nor miss one, as
long as the answerers give their matches in the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hilum.query.match import Match


@dataclass(frozen=True, slots=True)
class Answer:
    """What one answerer has, each match once, in its own stable order, from the first on.

    `reason`: why it is not all, or nothing: late, unreachable, refused; "" when it is complete.
    `has_more`: it stopped because enough was asked for.
    """

    answerer: str
    matches: Sequence[Match]
    reason: str = ""
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the merged answer."""

    matches: tuple[Match, ...]
    remaining: int  # matches behind this page that are known of
    has_more: bool  # there are, or may be, matches behind this page
    warnings: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Tell whether every answerer said all it has."""
        return not self.warnings


def merge(answers: Sequence[Answer], *, offset: int = 0, limit: int | None = None) -> Page:
    """Join answers, in the order of their answerers, and cut out a page."""
    seen: set[tuple[str, ...]] = set()
    merged: list[Match] = []
    for answer in answers:
        for match in answer.matches:
            identity = match.identity
            if identity not in seen:
                seen.add(identity)
                merged.append(match)
    end = len(merged) if limit is None else offset + limit
    remaining = max(len(merged) - end, 0)
    return Page(
        matches=tuple(merged[offset:end]),
        remaining=remaining,
        has_more=bool(remaining) or any(answer.has_more for answer in answers),
        warnings=tuple(
            f"{answer.answerer or 'the gateway itself'}: {answer.reason}"
            for answer in answers
            if answer.reason
        ),
    )
