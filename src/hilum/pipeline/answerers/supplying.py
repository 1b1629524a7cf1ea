"""The instances of one retrieval on their way: what is here at once, the rest as it lands.

What the first holder of an instance cannot give is fetched from the next, instance by instance.
What nobody can give is missing, and says why.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

from hilum.kernel.names import UID
from hilum.pipeline.answerers.holder import Holder
from hilum.pipeline.answerers.listing import Listing
from hilum.pipeline.answerers.ports import Cache
from hilum.pipeline.answerers.racing import Race, Races
from hilum.pipeline.answerers.reader import Missed, Reader
from hilum.pipeline.archive.ports import Holding, Missing, Named
from hilum.query.retrieval import Retrieval


class BridgedSupply:
    """A `pipeline.archive.ports.Supply`. Begun by `begin`, and closed, whatever happens."""

    def __init__(
        self,
        listing: Listing,
        retrieval: Retrieval,
        cache: Cache,
        *,
        syntaxes: tuple[UID, ...] = (),
        has_given: bool = False,
    ) -> None:
        """Begin. `has_given`: others were given before, so that it does not fail as a whole."""
        self.expected: Sequence[Named] = listing.expected
        self.warnings: Sequence[str] = listing.warnings
        self.count = len(listing.expected)
        self._has_given = has_given
        self._listing = listing
        self._retrieval = retrieval
        self._syntaxes = syntaxes
        self._cache = cache
        self._news = asyncio.Event()
        self._reader = Reader(cache, self._news)
        self._readers = [self._reader]  # and of those that were asked beside one that is silent
        self._at_hand: dict[str, Holding] = dict(listing.here)
        self._left = {
            uid: deque(sorted(holders, key=lambda one: one.fetching.is_silent))
            for uid, holders in listing.holders.items()
            if uid not in listing.here
        }
        self._races = Races(self._left)
        self._pinned: dict[str, Holding] = {}
        self._missed: list[Missed] = []  # what made us give up
        # Here, but not in a transfer syntax that was asked for: better than nothing.
        self._spare: dict[str, Holding] = {}

    async def begin(self) -> None:
        """Look for what is in the cache, and have the rest fetched."""
        waited = [one for one in self.expected if one.sop_instance_uid in self._left]
        for holding in (await self._look(waited)).values():
            self._pinned[holding.path] = holding
            self._at_hand[holding.sop_instance_uid] = holding
            del self._left[holding.sop_instance_uid]

    @property
    def holdings(self) -> Sequence[Holding] | None:
        """Give everything, if it is here."""
        if self._left:
            return None
        here = self._listing.here | self._at_hand
        return [here[one.sop_instance_uid] for one in self.expected]

    async def __aiter__(self) -> AsyncIterator[Holding | Missing]:
        """Give each of `expected` once (see the port)."""
        has_given = self._has_given or bool(self._at_hand)
        for one in self.expected:
            if one.sop_instance_uid in self._at_hand:
                yield self._at_hand[one.sop_instance_uid]
        missing: list[Missing] = []
        while self._left:
            await self._wait()
            for holding in self._landed():
                self._pinned[holding.path] = holding
                has_given = True
                yield holding
            missing += await self._go_on()
            while has_given and missing:
                yield missing.pop()
        if missing:
            self._fail_if_failed()
        while missing:
            yield missing.pop()

    def done(self, holding: Holding) -> None:
        """Let go of a holding."""
        if self._pinned.pop(holding.path, None) is not None:
            self._cache.unpin(holding)

    async def aclose(self) -> None:
        """Let go of everything; fetches that nobody else waits for are stopped."""
        self.let_go()

    def let_go(self) -> None:
        """Do the same; nothing of it has to be waited for."""
        for reader in self._readers:
            reader.close()
        for kept in (self._pinned, self._spare):
            while kept:
                self._cache.unpin(kept.popitem()[1])

    async def _wait(self) -> None:
        """Wait until there is something to take."""
        while not any(reader.has_news for reader in self._readers):
            self._news.clear()
            await self._news.wait()

    def _landed(self) -> Iterator[Holding]:
        """Give what has landed and was not given before."""
        for reader in list(self._readers):
            while (holding := reader.take()) is not None:
                uid = holding.sop_instance_uid
                if uid not in self._left:
                    self._cache.unpin(holding)  # it came by another one as well
                    continue
                del self._left[uid]
                self._given(reader, uid)
                yield holding

    def _given(self, reader: Reader, uid: str) -> None:
        """Of two that are asked for the same, leave the one that was not first."""
        if (loser := self._races.given(reader, uid)) is not None:
            loser.close()
            self._readers.remove(loser)

    async def _ask_rivals(self) -> None:
        """Where nothing comes, ask whoever else has it, too."""
        for reader in list(self._readers):
            for flow in reader.take_doubted():
                for silent, holder, uids in list(self._races.rivals(reader, flow)):
                    rival = Reader(self._cache, self._news)
                    self._readers.append(rival)
                    self._races.begin(Race(silent, reader, flow, rival, set(uids)))
                    holder.fetching.asked_too(silent.name)
                    wanted = self._named(uids)
                    here = self._good(holder, await holder.fetching.look(wanted))
                    self._hand(here, rival)
                    rest = [one for one in wanted if one.sop_instance_uid not in here]
                    listed = self._listing.listed[holder]
                    holder.fetching.join(rival, rest, listed, self._retrieval, self._syntaxes)

    def _hand(self, found: Mapping[str, Holding], reader: Reader) -> None:
        """Have a reader give what was found in the cache."""
        for holding in found.values():
            reader.give(holding)
            self._cache.unpin(holding)  # the reader has pinned it

    async def _go_on(self) -> list[Missing]:
        """Turn to the next holder for what was missed; give what has no other."""
        await self._ask_rivals()
        missing: list[Missing] = []
        again: set[str] = set()
        for reader in list(self._readers):
            for uid in reader.take_passed():
                if uid in self._left:
                    self._given(reader, uid)
                    again.add(uid)
            for missed in reader.take_missed():
                uid = missed.sop_instance_uid
                if uid not in self._left or self._races.missed(reader, uid):
                    continue
                holders = self._left[uid]
                holders.popleft()
                if holders:
                    again.add(uid)
                elif (spare := self._spare.get(uid)) is not None:
                    self._reader.give(spare)
                else:
                    missing.append(self._without(missed))
        if again:
            self._hand(await self._look(self._named(again)), self._reader)
        return missing

    def _without(self, missed: Missed) -> Missing:
        """Give up an instance."""
        if not self._missed:
            self._missed.append(missed)
        del self._left[missed.sop_instance_uid]
        return Missing(missed.sop_instance_uid, missed.reason)

    def _fail_if_failed(self) -> None:
        """Nothing came at all: when that is for an answerer's failure, this is the answer."""
        for missed in self._missed:
            if missed.failure is not None:
                raise missed.failure

    def _named(self, uids: Collection[str]) -> list[Named]:
        return [one for one in self.expected if one.sop_instance_uid in uids]

    async def _look(self, wanted: Sequence[Named]) -> dict[str, Holding]:
        """Give what is in the cache, whoever it is of, pinned; join or begin fetches for the rest.

        The last holders first: so nothing is awaited between a look and what is begun after it.
        """
        found: dict[str, Holding] = {}
        try:
            for holder in reversed(list(self._listing.listed)):
                sought = [one for one in wanted if self._may_be_at(one, holder, found)]
                if not sought:
                    continue
                found.update(self._good(holder, await holder.fetching.look(sought)))
                rest = [one for one in sought if self._is_first(one, holder, found)]
                listed = self._listing.listed[holder]
                holder.fetching.join(self._reader, rest, listed, self._retrieval, self._syntaxes)
        except BaseException:
            for holding in found.values():
                self._cache.unpin(holding)
            raise
        return found

    def _good(self, holder: Holder, here: dict[str, Holding]) -> dict[str, Holding]:
        """Give what need not be fetched; the rest is kept in case that nothing better comes."""
        good: dict[str, Holding] = {}
        for uid, holding in here.items():
            if holder.fetching.is_good(holding, self._syntaxes):
                good[uid] = holding
            elif uid in self._spare:
                self._cache.unpin(holding)
            else:
                self._spare[uid] = holding
        return good

    def _may_be_at(self, one: Named, holder: Holder, found: Collection[str]) -> bool:
        uid = one.sop_instance_uid
        return uid not in found and holder in self._left[uid]

    def _is_first(self, one: Named, holder: Holder, found: Collection[str]) -> bool:
        uid = one.sop_instance_uid
        return uid not in found and self._left[uid][0] is holder
