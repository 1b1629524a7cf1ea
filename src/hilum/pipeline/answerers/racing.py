"""Holders from which nothing comes, and those that were asked beside them: who gives first goes on.

Only what is decided; whoever has the readers asks, and closes the one that is left.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from hilum.pipeline.answerers.holder import Holder
from hilum.pipeline.answerers.reader import Flow, Reader


@dataclass(slots=True, eq=False)
class Race:
    """Instances that two are asked for. `flow`: the fetch that is silent, for `reader`."""

    silent: Holder
    reader: Reader
    flow: Flow
    rival: Reader
    uids: set[str]


class Races:
    """The races of one supply. `left`: who has what is not here yet, the first first."""

    def __init__(self, left: Mapping[str, deque[Holder]]) -> None:
        self._left = left
        self._races: list[Race] = []
        self._again: set[str] = set()  # who was left for them may be asked once more

    def rivals(
        self, reader: Reader, flow: Flow
    ) -> Iterator[tuple[Holder, Holder, Collection[str]]]:
        """Give who is silent, who else can be asked, and for what of a flow.

        When the rival is silent as well, a third one is asked instead of the first.
        """
        found: dict[tuple[Holder, Holder], list[str]] = {}
        for uid in flow.wanted_by(reader):
            holders = self._left.get(uid, deque())
            race = self._of(uid)
            if race is not None and reader is race.rival and len(holders) > 2:
                self._leave(race)
                race = None
            if len(holders) > 1 and race is None:
                found.setdefault((holders[0], holders[1]), []).append(uid)
        for (silent, rival), uids in found.items():
            yield silent, rival, uids

    def begin(self, race: Race) -> None:
        """Note that a rival is asked."""
        self._races.append(race)

    def given(self, reader: Reader, uid: str) -> Reader | None:
        """An instance came: if that decides a race, give the reader that is to be closed."""
        race = self._of(uid)
        if race is None:
            return None
        if reader is race.rival:
            self._leave(race)
            return None
        self._races.remove(race)
        return race.rival

    def missed(self, reader: Reader, uid: str) -> bool:
        """One of two cannot give an instance: tell whether the other one is asked for it."""
        race = self._of(uid)
        if race is None:
            return False
        race.uids.discard(uid)
        if not race.uids:
            self._races.remove(race)
        holders = self._left[uid]
        if reader is race.rival:
            del holders[1]
        else:
            holders.popleft()
        return True

    def _leave(self, race: Race) -> None:
        """Do without who was silent; it is asked last for what it has, once."""
        self._races.remove(race)
        race.flow.unwant(race.reader, race.uids)
        race.silent.fetching.left_behind()
        for uid in race.uids & self._left.keys():
            holders = self._left[uid]
            holders.popleft()
            if uid not in self._again:
                self._again.add(uid)
                holders.append(race.silent)

    def _of(self, uid: str) -> Race | None:
        return next((race for race in self._races if uid in race.uids), None)
