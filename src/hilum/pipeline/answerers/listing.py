"""Who has what of a retrieval: all answerers asked at once, their lists as one."""

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hilum.kernel.telemetry import Telemetry
from hilum.ledger.holdings import Held
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.holder import Holder
from hilum.pipeline.answerers.ourselves import Ourselves
from hilum.pipeline.answerers.partial import warning_of
from hilum.pipeline.answerers.ports import Expected
from hilum.pipeline.answerers.telling import late, tell_miss
from hilum.pipeline.answerers.terms import Terms
from hilum.pipeline.archive.ports import Holding, Named
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval

Member = Holder | Ourselves
_T = TypeVar("_T")


@dataclass(slots=True)
class Listing:
    """The instances of a retrieval, each once, and where each can be had, the first first."""

    expected: list[Named] = field(default_factory=list)
    holders: dict[str, list[Holder]] = field(default_factory=dict)
    listed: dict[Holder, Sequence[Named]] = field(default_factory=dict)
    here: dict[str, Holding] = field(default_factory=dict)  # in our own archive
    patient_ids: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add_ours(self, held: Held) -> None:
        """Add what we hold; what others, that come first, have too is taken from here."""
        self.patient_ids.update(held.patient_ids)
        for one in held.holdings:
            self._expect(one)
            self.here[one.sop_instance_uid] = one

    def add(self, holder: Holder, listed: Sequence[Named]) -> None:
        """Add what another one has."""
        self.listed[holder] = listed
        for one in listed:
            self._expect(one)
            holders = self.holders[one.sop_instance_uid]
            if holder not in holders:
                holders.append(holder)

    def without(self, uids: Collection[str]) -> "Listing":
        """Give the same without some that are not needed any more."""
        left = [one for one in self.expected if one.sop_instance_uid not in uids]
        holders = {one.sop_instance_uid: self.holders[one.sop_instance_uid] for one in left}
        return replace(self, expected=left, holders=holders)

    def _expect(self, one: Named) -> None:
        if one.sop_instance_uid not in self.holders:
            self.holders[one.sop_instance_uid] = []
            self.expected.append(one)


async def list_all(
    members: Sequence[Member],
    retrieval: Retrieval,
    *,
    terms: Terms,
    telemetry: Telemetry,
    reuse: bool = False,
) -> Listing:
    """Ask everybody; `reuse`: what was said a while ago will do.

    Raises AnswererFailed if nobody has anything and somebody does not say.
    """
    try:
        async with asyncio.TaskGroup() as group:
            seconds = terms.deadline_seconds
            tasks = [
                group.create_task(_one(one, retrieval, seconds, reuse=reuse)) for one in members
            ]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    listing = Listing()
    failures: list[AnswererFailed] = []
    for member, task in zip(members, tasks, strict=True):
        match task.result():
            case AnswererFailed() as failure:
                failures.append(failure)
                listing.warnings.append(warning_of(failure))
                tell_miss(telemetry, failure, "list")
            case Held() as held:
                listing.add_ours(held)
            case listed:
                assert isinstance(member, Holder)  # noqa: S101 - who else lists
                listing.add(member, listed)
    if failures and (terms.partial == "fail" or not listing.expected):
        raise failures[0]
    return listing


async def listed_by_cache(members: Sequence[Member], retrieval: Retrieval) -> Listing | None:
    """Make a listing without asking anybody, if each instance that is named is in the cache.

    None: it is not, or more is meant than instances, or we may hold some ourselves.
    """
    studies, series = (retrieval.keys.get(one, ()) for one in (Level.STUDY, Level.SERIES))
    holders = [one for one in members if isinstance(one, Holder)]
    if retrieval.level is not Level.IMAGE or len(studies) != 1 or len(holders) < len(members):
        return None
    within = series[0] if len(series) == 1 else ""
    named = [Expected("", uid, within, studies[0]) for uid in retrieval.keys[Level.IMAGE]]
    listing = Listing()
    for holder in holders:
        here = await holder.fetching.known(named)
        listing.add(
            holder, [one for one in here if not within or one.series_instance_uid == within]
        )
    return listing if len(listing.expected) == len(named) else None


async def in_time(answer: Awaitable[_T], answerer: str, terms: Terms) -> _T:
    """Wait for an answer as long as the entity grants. Raises AnswererFailed."""
    try:
        async with asyncio.timeout(terms.deadline_seconds):
            return await answer
    except TimeoutError as error:
        raise late(answerer, terms.deadline_seconds) from error


async def _one(
    member: Member, retrieval: Retrieval, seconds: float, *, reuse: bool
) -> Held | Sequence[Named] | AnswererFailed:
    """Ask one; a failure is an answer, others go on."""
    try:
        async with asyncio.timeout(seconds):
            if isinstance(member, Ourselves):
                return await member.held(retrieval)
            return await member.lists.of(retrieval, reuse=reuse)
    except TimeoutError:
        return late(member.name, seconds)
    except AnswererFailed as error:
        return error
