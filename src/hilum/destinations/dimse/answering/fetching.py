"""One fetch: its parts over a few associations, what did not come once more, and why it did not."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from hilum.destinations.dimse.answering.ailing import NotOffered, Waited, failed
from hilum.destinations.dimse.answering.gate import Gate
from hilum.destinations.dimse.answering.parts import Part, parts_by_instance, parts_of
from hilum.destinations.dimse.answering.pool import Pool
from hilum.destinations.dimse.answering.rounds import Round
from hilum.destinations.dimse.answering.ways import Way
from hilum.destinations.dimse.refusals import OperationFailed
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.ports import Fetch
from hilum.pipeline.archive.ports import Missing

if TYPE_CHECKING:
    from hilum.kernel.errors import HilumError

_NOT_SENT: Final = "the archive did not send it, and does not say why"


class Fetching:
    """Brings what is wanted through a gate, by one way and, if need be, by the next."""

    def __init__(
        self, answerer: str, pool: Pool, fetch: Fetch, gate: Gate, *, at_once: int, lists: bool
    ) -> None:
        self._answerer = answerer
        self._failure: AnswererFailed | None = None
        self._pool = pool
        self._fetch = fetch
        self._gate = gate
        self._at_once = at_once
        self._lists = lists
        self._reasons: dict[str, str] = {}
        self._errors: list[HilumError] = []

    async def run(self, ways: Sequence[Way]) -> Mapping[str, Missing]:
        """Bring everything, and say what did not come.

        Raises AnswererFailed: nothing came, and this is why.
        """
        try:
            for way in ways:
                await self._all_by(way)
                self._judge(way)
                if not self._gate.left or not self._may_go_on():
                    break
        finally:
            self._gate.close()
        if self._failure is not None and not self._gate.has_let_in and not self._gate.refused:
            raise self._failure
        return self._missing()

    def _judge(self, way: Way) -> None:
        """Keep what went wrong first; that something is not offered only if there is no more."""
        if not self._errors:
            return
        if self._failure is None or self._failure.ailment is Lost.NOT_OFFERED:
            self._failure = failed(self._errors[0], answerer=self._answerer, service=way.service)

    async def _all_by(self, way: Way) -> None:
        """Ask for all that is left, and for each instance that did not come once more."""
        left = set(self._gate.left)
        all_wanted = self._fetch.wanted or ()  # a whole fetch is listed before
        wanted = [one for one in all_wanted if one.sop_instance_uid in left]
        is_first = len(wanted) == len(all_wanted)
        retrieval = self._fetch.retrieval
        if is_first:
            parts = parts_of(self._fetch, lists=self._lists)
        else:
            parts = parts_by_instance(retrieval, wanted, lists=self._lists)
        self._errors = []
        await self._round(way, parts)
        left = set(self._gate.left)
        if left and is_first and self._may_ask_again():
            wanted = [one for one in wanted if one.sop_instance_uid in left]
            again = parts_by_instance(retrieval, wanted, lists=self._lists)
            if again != parts or self._errors:
                await self._round(way.again(), again)

    def _may_ask_again(self) -> bool:
        """Tell whether asking for the rest has a chance: the peer is there, and answers."""
        if self._gate.has_let_in:
            return not any(isinstance(error, Waited) for error in self._errors)
        return all(isinstance(error, OperationFailed) for error in self._errors)

    def _may_go_on(self) -> bool:
        """Tell whether another way may bring what is left."""
        known = (OperationFailed, NotOffered)
        return all(isinstance(error, known) for error in self._errors)

    async def _round(self, way: Way, parts: Sequence[Part]) -> None:
        one = Round(self._pool, self._gate, self._reasons, at_once=self._at_once)
        await one.run(way, parts)
        self._errors += one.errors

    def _missing(self) -> dict[str, Missing]:
        because = _NOT_SENT if self._failure is None else str(self._failure)
        missing = {uid: Missing(uid, self._reasons.get(uid, because)) for uid in self._gate.left}
        missing |= {uid: Missing(uid, reason) for uid, reason in self._gate.refused.items()}
        return missing
