"""What is open in all workers: gathered by the one that is asked, ended by the one that has it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from hilum.console.api.answerers import AnswererRow, AnswerersSeen
from hilum.console.api.live import Ended, LiveRow, Seen, Silence
from hilum.service.live import LiveView
from hilum.service.workers.asking import Colleagues, Heard, Unheard
from hilum.service.workers.listening import Answers

_ROWS: Final = "rows"
_ABORT: Final = "abort"
_ANSWERERS: Final = "answerers"

Packed = Mapping[str, Any]  # a row as JSON
_Told = Sequence[Heard | Unheard]


def answers_of(here: LiveView) -> Answers:
    """Give what a worker answers the others."""
    return {
        _ROWS: lambda _: [_packed(row) for row in here.rows()],
        _ABORT: lambda live_id: _abort(here, live_id),
        _ANSWERERS: lambda _: [asdict(row) for row in here.answerers()],
    }


class LiveEverywhere:
    """Looks at all workers by asking those that are not this one."""

    def __init__(self, here: LiveView, colleagues: Colleagues) -> None:
        self._here = here
        self._colleagues = colleagues

    async def rows(self) -> Seen:
        """Give all that is open, and who could not be asked."""
        told = await self._colleagues.ask(_ROWS)
        theirs = map(_unpacked, _told_by(told))
        return Seen([*self._here.rows(), *theirs], _silent(told))

    async def abort(self, live_id: str) -> Ended:
        """End one that came to us, wherever it is."""
        found = self._here.abort(live_id)
        if found is not None:
            return Ended(found)
        told = await self._colleagues.ask(_ABORT, live_id)
        return Ended(next(map(_unpacked, _told_by(told)), None), _silent(told))

    async def answerers(self) -> AnswerersSeen:
        """Give the answerers as each worker sees them."""
        told = await self._colleagues.ask(_ANSWERERS)
        theirs = [AnswererRow(**packed) for packed in _told_by(told)]
        return AnswerersSeen([*self._here.answerers(), *theirs], _silent(told))


def _abort(here: LiveView, live_id: str) -> Sequence[Packed]:
    ended = here.abort(live_id)
    return [] if ended is None else [_packed(ended)]


def _told_by(told: _Told) -> Sequence[Packed]:
    return [packed for one in told if isinstance(one, Heard) for packed in one.answer]


def _silent(told: _Told) -> Sequence[Silence]:
    return [Silence(one.worker, one.reason) for one in told if isinstance(one, Unheard)]


def _packed(row: LiveRow) -> Packed:
    return {**asdict(row), "since": row.since.isoformat() if row.since else None}


def _unpacked(packed: Packed) -> LiveRow:
    since = packed["since"]
    return LiveRow(**{**packed, "since": datetime.fromisoformat(since) if since else None})
