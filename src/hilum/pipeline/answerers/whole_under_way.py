"""A fetch of all that there is of a study or series, begun before anybody has listed it.

Whoever follows it gets everything that lands and belongs to it. What it did not bring may be there
all the same: that is for who lists it then.
"""

from collections.abc import Mapping

from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.covering import covers
from hilum.pipeline.answerers.fetch_under_way import FetchUnderWay
from hilum.pipeline.answerers.reader import Over, Reader
from hilum.pipeline.archive.ports import Holding, Missing


class WholeUnderWay(FetchUnderWay):
    """A whole fetch. `count`: how many the answerer said there are."""

    count = 0
    _landed: dict[str, Holding] | None = None

    @property
    def landed(self) -> dict[str, Holding]:
        """Give what came, in that order: to be named, it is not pinned."""
        if self._landed is None:
            self._landed = {}
        return self._landed

    @property
    def lacking(self) -> int:
        """Give how many have not come, if the answerer can count."""
        return max(self.count - len(self.landed), 0)

    @property
    def is_all_here(self) -> bool:
        """Tell nothing: there may always be more, until it ends."""
        return False

    def follow(self, reader: Reader) -> None:
        """Have all that lands from now on given to a reader, and its end told."""
        self._followers.append(reader)
        self._waiting[reader] += 1
        reader.flows.add(self)
        self._room.set()

    def want(self, sop_instance_uid: str, reader: Reader) -> None:
        """Have an instance given to a reader; who asks for single ones asks for more of them."""
        self.keep()
        super().want(sop_instance_uid, reader)

    def leave(self, reader: Reader) -> None:
        """A reader does not want anything more."""
        self._followers = [one for one in self._followers if one is not reader]
        super().leave(reader)

    def wants(self, sop_instance_uid: str) -> bool:
        """Tell whether an instance has not come yet."""
        return sop_instance_uid not in self.landed

    def _give(self, holding: Holding) -> None:
        """Give it on, unless it came before, or is no part of what was asked for."""
        if not self.wants(holding.sop_instance_uid) or not covers(self.fetch.retrieval, holding):
            self._cache.unpin(holding)
            return
        self.landed[holding.sop_instance_uid] = holding
        super()._give(holding)

    def _end(
        self, missing: Mapping[str, Missing], failure: AnswererFailed | None, *, is_stopped: bool
    ) -> None:
        """Tell who followed; who waits for an instance has to have it fetched by its name."""
        if is_stopped:
            failure = AnswererFailed(
                f"{self._answerer.name}: the fetch was stopped",
                answerer=self._answerer.name,
                ailment=Lost.ABORTED,
            )
        is_sound = failure is None and not missing and len(self.landed) == self.count
        for reader in self._followers:
            reader.flows.discard(self)
            reader.end(Over(is_sound, failure, is_stopped=is_stopped))
        if is_stopped:
            super()._end(missing, failure, is_stopped=is_stopped)
            return
        for uid, readers in self._wishes.items():
            for reader in readers:
                reader.flows.discard(self)
                reader.pass_by(uid)
