"""An archive that is elsewhere, in part or wholly: what doors see of an entity with answerers.

Searches go to all of them, and their matches come as one answer. What is retrieved lands in the
cache, instance by instance, and is given out from there as if it were ours. Every access is audited
as in our own archive, before anything is given out.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Final

from hilum.dicom import tags
from hilum.kernel.names import UID
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.entry import AuditRecord, Origin
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.asking import Asking, listened
from hilum.pipeline.answerers.asking_back import asked_for
from hilum.pipeline.answerers.covering import is_whole
from hilum.pipeline.answerers.differing import Differences
from hilum.pipeline.answerers.holder import Holder
from hilum.pipeline.answerers.listing import Listing, Member, in_time, list_all, listed_by_cache
from hilum.pipeline.answerers.orders import Orders
from hilum.pipeline.answerers.ourselves import Ourselves
from hilum.pipeline.answerers.ports import Cache
from hilum.pipeline.answerers.supplying import BridgedSupply
from hilum.pipeline.answerers.telling import tell_miss
from hilum.pipeline.answerers.terms import Terms
from hilum.pipeline.answerers.whole_supply import WholeSupply
from hilum.pipeline.archive.accounts import Accounts, settled
from hilum.pipeline.archive.local import REPEATED
from hilum.pipeline.archive.ports import Batch, Holding, Missing, Purpose
from hilum.pipeline.archive.wording import of_count, of_holdings, of_query
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval
from hilum.vault.cache.places import CACHE

# What `holdings` gave is kept so long for whoever asked: it cannot say when it is done.
HELD_SECONDS: Final = 60.0
# Studies whose patient is remembered for audit records; matches of searches name it.
_PATIENTS_MAX: Final = 20_000
# Who looks at a study does so again and again. Whoever takes it away gets what there is now.
_TAKING: Final = frozenset((Purpose.MOVE, Purpose.GET, Purpose.RETRIEVE, Purpose.EXPORT))
# Of these, who has a place of his own for it: he does not come back for a part of it.
_KEEPING: Final = frozenset((Purpose.MOVE, Purpose.GET))
_VIEWING: Final = frozenset((Purpose.METADATA, Purpose.RENDER))


class BridgedArchive:
    """An `Archive` over answerers, in the order of the entity. Lives on the event loop."""

    def __init__(
        self,
        members: Sequence[Member],
        *,
        cache: Cache,
        accounts: Accounts,
        differences: Differences,
        telemetry: Telemetry,
        terms: Terms,
    ) -> None:
        self._members = members
        self._ourselves = next((one for one in members if isinstance(one, Ourselves)), None)
        self._cache = cache
        self._accounts = accounts
        self._differences = differences
        self._telemetry = telemetry
        self._terms = terms
        self._orders = Orders()
        self._patients: OrderedDict[str, str] = OrderedDict()
        self._lent: dict[BridgedSupply | WholeSupply, asyncio.TimerHandle] = {}

    async def find(self, query: Query, asker: Origin) -> AsyncIterator[Batch]:
        """Give all matches of a question, batch by batch (see the port)."""
        written = self._accounts.begin([of_query(query, asker)])
        asked = self._asked(replace(query, via=asker.via), asked_for(self._members, asker))
        async with aclosing(asked) as batches:
            async for batch in batches:
                if not written.done():
                    await settled(written)
                written.result()
                self._remember_patients(query, batch.matches)
                yield batch

    async def holdings(
        self, retrieval: Retrieval, asker: Origin, purpose: Purpose
    ) -> Sequence[Holding]:
        """Give the instances of a retrieval when all are here; they stay for a minute."""
        supply = await self.supply(retrieval, asker, purpose)
        try:
            here = supply.holdings
            if here is None:
                here = [one async for one in supply if not isinstance(one, Missing)]
        except BaseException:
            await supply.aclose()
            raise
        loop = asyncio.get_running_loop()
        self._lent[supply] = loop.call_later(HELD_SECONDS, self._let_go, supply)
        return here

    async def supply(
        self,
        retrieval: Retrieval,
        asker: Origin,
        purpose: Purpose,
        *,
        syntaxes: tuple[UID, ...] = (),
    ) -> BridgedSupply | WholeSupply:
        """Begin to give the instances of a retrieval (see the port)."""
        retrieval, members = replace(retrieval, via=asker.via), asked_for(self._members, asker)
        whole = await self._whole(retrieval, members, asker, purpose, syntaxes)
        if whole is not None:
            return whole
        listing = await self._listing(retrieval, members, purpose)
        patient_ids = self._patients_of(one.study_instance_uid for one in listing.expected)
        records = of_holdings(
            listing.expected,
            patient_ids | listing.patient_ids,
            retrieval,
            asker=asker,
            event=purpose.value,
        )
        await self._account(records, purpose)
        supply = BridgedSupply(listing, retrieval, self._cache, syntaxes=syntaxes)
        try:
            await supply.begin()
        except BaseException:
            await supply.aclose()
            raise
        return supply

    async def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the DICOM JSON object of each holding, in their order (see the port)."""
        for run in _runs(holdings):
            ours = self._ourselves if not is_fetched(run[0]) else None
            source = ours.archive.metadata if ours is not None else self._cache.metadata
            async for one in source(run, bulk_root):
                yield one

    async def aclose(self) -> None:
        """Let go of what was lent. Answerers and the cache are closed by who made them."""
        for supply in list(self._lent):
            self._lent[supply].cancel()
            self._let_go(supply)

    async def _whole(
        self,
        retrieval: Retrieval,
        members: Sequence[Member],
        asker: Origin,
        purpose: Purpose,
        syntaxes: tuple[UID, ...],
    ) -> WholeSupply | None:
        """Begin to give all there is of a study or series without a list; None: it takes one."""
        holder = members[0] if len(members) == 1 else None
        if not isinstance(holder, Holder) or purpose not in _TAKING or not is_whole(retrieval):
            return None
        count = await self._count(holder, retrieval, syntaxes)
        if not count:
            return None
        supply = WholeSupply(
            holder,
            retrieval,
            self._cache,
            count=count,
            listing=partial(self._listing, retrieval, members, purpose),
            syntaxes=syntaxes,
        )
        try:
            if not await supply.begin(is_passing=purpose in _KEEPING):
                return None
            patients = self._patients_of(retrieval.keys[Level.STUDY])
            records = of_count(count, patients, retrieval, asker=asker, event=purpose.value)
            await self._account(records, purpose)
        except BaseException:
            await supply.aclose()
            raise
        return supply

    async def _count(
        self, holder: Holder, retrieval: Retrieval, syntaxes: tuple[UID, ...]
    ) -> int | None:
        """Ask how many there are, if a whole fetch is the way. Raises AnswererFailed."""
        under_way = holder.fetching.whole(retrieval, syntaxes)
        if under_way is not None:
            return under_way.count
        if not holder.fetching.is_free(retrieval, syntaxes):
            return None
        for study in retrieval.keys[Level.STUDY]:
            if await self._cache.has_any(holder.name, study):
                return None
        try:
            return await in_time(holder.count(retrieval), holder.name, self._terms)
        except AnswererFailed as error:
            tell_miss(self._telemetry, error, "list")
            raise

    async def _account(self, records: Sequence[AuditRecord], purpose: Purpose) -> None:
        if purpose in REPEATED:
            await self._accounts.keep_once(records)
        else:
            await settled(self._accounts.begin(records))

    async def _listing(
        self, retrieval: Retrieval, members: Sequence[Member], purpose: Purpose
    ) -> Listing:
        """Find out who has what: for viewers, and for single instances, from what is known."""
        reuse = purpose in _VIEWING or retrieval.level is Level.IMAGE
        known = await listed_by_cache(members, retrieval) if reuse else None
        return known or await list_all(
            members, retrieval, terms=self._terms, telemetry=self._telemetry, reuse=reuse
        )

    async def _asked(self, query: Query, members: Sequence[Member]) -> AsyncGenerator[Batch, None]:
        if not members:
            yield Batch(())
            return
        if len(members) == 1:
            asked = self._alone(query, members[0])
        else:
            asked = Asking(
                members,
                query,
                terms=self._terms,
                orders=self._orders,
                differences=self._differences,
                telemetry=self._telemetry,
            ).batches()
        async with aclosing(asked) as batches:
            async for batch in batches:
                yield batch

    async def _alone(self, query: Query, member: Member) -> AsyncGenerator[Batch, None]:
        """Ask the only one: nothing is merged, its batches go straight through."""
        try:
            seconds = self._terms.deadline_seconds
            async with aclosing(listened(member, query, seconds)) as batches:
                async for batch in batches:
                    yield batch
        except AnswererFailed as error:
            tell_miss(self._telemetry, error, "search")
            raise

    def _let_go(self, supply: BridgedSupply | WholeSupply) -> None:
        del self._lent[supply]
        supply.let_go()

    def _remember_patients(self, query: Query, matches: Iterable[Match]) -> None:
        if query.level is Level.PATIENT:
            return
        for match in matches:
            patient = match.attributes.text(tags.PATIENT_ID)
            if patient:
                self._patients[match.attributes.text(tags.STUDY_INSTANCE_UID)] = patient
        while len(self._patients) > _PATIENTS_MAX:
            self._patients.popitem(last=False)

    def _patients_of(self, studies: Iterable[str]) -> dict[str, str]:
        return {study: self._patients[study] for study in studies if study in self._patients}


def is_fetched(holding: Holding) -> bool:
    """Tell whether a payload is in the cache, and not ours."""
    return holding.path.startswith(f"{CACHE}/")


def _runs(holdings: Sequence[Holding]) -> list[list[Holding]]:
    """Cut into runs of those that are in one place."""
    return [list(run) for _, run in groupby(holdings, is_fetched)]
