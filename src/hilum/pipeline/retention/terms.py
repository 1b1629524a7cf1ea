"""Which payload may go: a pure decision. What is owed to somebody is not even asked about."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self

from hilum.pipeline.retention.settings import RetentionRuleSettings, RetentionSettings


class Settled(Protocol):
    """A payload that is owed to nobody."""

    @property
    def peer(self) -> str:
        """Who brought it; '' if that was nobody we know."""
        ...

    @property
    def routes(self) -> Collection[str]:
        """Routes that planned for it; none: it was sent nowhere."""
        ...

    @property
    def delivered_to(self) -> Collection[str]:
        """Destinations that have it."""
        ...

    @property
    def settled_at(self) -> datetime:
        """When it was received, or when the last of its deliveries was settled."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How long something is kept. `keep` None: until its room is needed, if ever."""

    keep: timedelta | None
    at_least: timedelta
    copies_min: int
    for_ever: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    routes: frozenset[str]
    peers: frozenset[str]
    nowhere: bool
    terms: Terms

    def applies_to(self, payload: Settled) -> bool:
        if self.nowhere == bool(payload.routes):
            # A rule for what was sent nowhere, or one for what was sent somewhere.
            return False
        if self.routes and self.routes.isdisjoint(payload.routes):
            return False
        return not self.peers or payload.peer in self.peers


class Retention:
    """The terms of a configuration."""

    def __init__(self, general: Terms, rules: Iterable[_Rule]) -> None:
        self._general = general
        self._rules = tuple(rules)

    @classmethod
    def of(cls, settings: RetentionSettings) -> Self:
        """Take the terms from the settings."""
        general = Terms(
            _duration(settings.keep), timedelta(seconds=settings.keep_at_least), settings.copies_min
        )
        return cls(general, [_rule(rule, general) for rule in settings.rules])

    def may_go(self, payload: Settled, now: datetime, *, is_room_needed: bool) -> bool:
        """Tell whether a payload that is owed to nobody may go now."""
        terms = self.terms_of(payload)
        if terms is None or terms.for_ever:
            return False
        if payload.routes and len(payload.delivered_to) < terms.copies_min:
            return False
        age = now - payload.settled_at
        if is_room_needed:
            return age >= terms.at_least
        return terms.keep is not None and age >= terms.keep

    def terms_of(self, payload: Settled) -> Terms | None:
        """Give the terms that hold for a payload; None: it was sent nowhere, and nobody said."""
        found = [rule.terms for rule in self._rules if rule.applies_to(payload)]
        if not found:
            return self._general if payload.routes else None
        keeps = [terms.keep for terms in found]
        return Terms(
            keep=None if None in keeps else max(keep for keep in keeps if keep is not None),
            at_least=max(terms.at_least for terms in found),
            copies_min=max(terms.copies_min for terms in found),
            for_ever=any(terms.for_ever for terms in found),
        )

    def youngest_age(self, *, is_room_needed: bool) -> timedelta | None:
        """Give the age below which nothing goes; None: nothing goes at any age."""
        terms = [one for one in (self._general, *self._terms()) if not one.for_ever]
        if is_room_needed:
            return min((one.at_least for one in terms), default=None)
        return min((one.keep for one in terms if one.keep is not None), default=None)

    def _terms(self) -> Iterable[Terms]:
        return (rule.terms for rule in self._rules)


def _rule(settings: RetentionRuleSettings, general: Terms) -> _Rule:
    keep, at_least = _duration(settings.keep), _duration(settings.keep_at_least)
    return _Rule(
        frozenset(settings.route),
        frozenset(settings.peer),
        settings.nowhere,
        Terms(
            general.keep if keep is None else keep,
            general.at_least if at_least is None else at_least,
            settings.copies_min or general.copies_min,
            settings.for_ever,
        ),
    )


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
