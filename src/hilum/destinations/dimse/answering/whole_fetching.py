"""A whole fetch: all that there is of some series, before anybody has listed the instances.

What the peer says at the end of each series is held against what came. What an answer that was cut
lacks, nobody knows here: whoever asked lists.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from hilum.destinations.dimse.answering.ailing import NotOffered, failed
from hilum.destinations.dimse.answering.gate import Gate
from hilum.destinations.dimse.answering.parts import Part
from hilum.destinations.dimse.answering.pool import Pool
from hilum.destinations.dimse.answering.rounds import Round
from hilum.destinations.dimse.answering.ways import Brought, Way
from hilum.destinations.dimse.refusals import OperationFailed
from hilum.kernel.errors import HilumError
from hilum.pipeline.answerers.ports import UNNAMED
from hilum.pipeline.archive.ports import Missing

_FEWER: Final = "the archive says that it has sent more than came"
_SOME_FAILED: Final = "the archive could not send all of it"
_NOTHING: Final = "nothing came"


class WholeFetching:
    """Brings series through a gate, by one way, or by the next if that one is not offered."""

    def __init__(self, answerer: str, pool: Pool, gate: Gate, *, at_once: int) -> None:
        self._answerer = answerer
        self._pool = pool
        self._gate = gate
        self._at_once = at_once
        self._reasons: dict[str, str] = {}
        self._doubts: dict[str, None] = {}  # why something may be missing that has no name

    async def run(self, ways: Sequence[Way], parts: Sequence[Part]) -> Mapping[str, Missing]:
        """Bring everything, and say what is known to be missing.

        Raises AnswererFailed: nothing came, and this is why.
        """
        errors: Sequence[HilumError] = ()
        way = ways[0]
        try:
            for way in ways:
                errors = await self._round(way, parts)
                if not errors or not all(isinstance(one, NotOffered) for one in errors):
                    break
        finally:
            self._gate.close()
        if errors and not self._gate.has_let_in and not self._gate.refused:
            raise failed(errors[0], answerer=self._answerer, service=way.service)
        self._doubts |= {str(error): None for error in errors}
        return self._missing()

    async def _round(self, way: Way, parts: Sequence[Part]) -> Sequence[HilumError]:
        """Ask for all parts; once more for those of which nothing could be sent as was wished."""
        first = await self._brought(way, parts)
        refused = [part for part, brought in first.brought if _is_refused(brought)]
        refused += first.refused
        freely = way.again()
        if not refused or freely is way:
            self._judge(first)
            return first.errors
        first.brought = [one for one in first.brought if not _is_refused(one[1])]
        second = await self._brought(freely, refused)
        self._judge(first)
        self._judge(second)
        left = [one for one in first.errors if not isinstance(one, OperationFailed)]
        return [*left, *second.errors]

    async def _brought(self, way: Way, parts: Sequence[Part]) -> Round:
        one = Round(self._pool, self._gate, self._reasons, at_once=self._at_once)
        await one.run(way, parts)
        return one

    def _judge(self, one: Round) -> None:
        """Hold what was said against what came."""
        if any(brought.said_failed for _, brought in one.brought):
            self._doubts[_SOME_FAILED] = None
        if any(brought.said_sent > brought.stored for _, brought in one.brought):
            self._doubts[_FEWER] = None

    def _missing(self) -> dict[str, Missing]:
        missing = {uid: Missing(uid, reason) for uid, reason in self._gate.refused.items()}
        if not self._gate.has_let_in and not missing:
            self._doubts[_NOTHING] = None
        if self._doubts:
            reason = next(iter(self._reasons.values()), "") or "; ".join(self._doubts)
            missing[UNNAMED] = Missing(UNNAMED, reason)
        return missing


def _is_refused(brought: Brought) -> bool:
    """Tell whether nothing of a part could be sent: perhaps not in the syntaxes we wished for."""
    return bool(brought.said_failed) and not brought.stored
