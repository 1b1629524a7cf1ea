"""What is open in one process, of all kinds: associations, requests, connections of our own."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from hilum.console.api.answerers import AnswererRow
from hilum.console.api.live import LiveRow
from hilum.pipeline.answerers.ports import Answerer
from hilum.pipeline.lanes.figures import LaneFigures
from hilum.service.bridging import Bridging
from hilum.service.pools import pool_of
from hilum.sources.dimse.desk import Desk
from hilum.sources.dimse.live import LiveAssociation
from hilum.sources.web.live import Live, LiveRequest


class LiveView:
    """Looks at all of them; ends those that somebody else has opened."""

    def __init__(
        self,
        *,
        desk: Callable[[], Desk | None],
        requests: Live,
        bridging: Bridging,
        lanes: Callable[[], Sequence[LaneFigures]],
        now: Callable[[], datetime],
        worker: int,
    ) -> None:
        self._desk = desk
        self._requests = requests
        self._bridging = bridging
        self._lanes = lanes
        self._now = now
        self._worker = worker

    def rows(self) -> Sequence[LiveRow]:
        """Give all that is open."""
        desk, worker = self._desk(), self._worker
        return [
            *(_association(one, worker) for one in (desk.live() if desk else ())),
            *(_request(one, worker) for one in self._requests.requests()),
            *self._ours(),
            *(_lane(one, worker) for one in self._lanes() if one.sessions),
        ]

    def abort(self, live_id: str) -> LiveRow | None:
        """End one that came to us, and say what it was; None: there is none with this id."""
        found = next((row for row in self.rows() if live_id and row.id == live_id), None)
        desk = self._desk()
        is_ended = (desk is not None and desk.abort(live_id)) or self._requests.abort(live_id)
        return found if is_ended else None

    def answerers(self) -> Sequence[AnswererRow]:
        """Give the answerers as they are now."""
        return [self._answerer(name) for name in sorted(self._bridging.answerers.asked)]

    def answerer(self, name: str) -> Answerer | None:
        """Give the answerer of that name."""
        asked = self._bridging.answerers.asked.get(name)
        return None if asked is None else asked.answerer

    def _answerer(self, name: str) -> AnswererRow:
        asked = self._bridging.answerers.asked[name]
        pool, guarded = pool_of(asked.answerer), asked.guarded
        return AnswererRow(
            name,
            asked.settings.type,
            guarded.is_well,
            guarded.last_failure,
            guarded.busy,
            asked.holder.fetching.under_way,
            pool.connections_max,
            len(pool.in_use),
            pool.idle,
            pool.waiting,
            self._bridging.titles_of(name),
            self._worker,
        )

    def _ours(self) -> Sequence[LiveRow]:
        now = self._now()
        return [
            LiveRow(
                *("", "out", "answerer", asked.ours, name, name, "", ""),
                since=now - timedelta(seconds=one.seconds),
                operation=one.what,
                instances=None,
                bytes=one.received_bytes,
                worker=self._worker,
            )
            for name, asked in self._bridging.answerers.asked.items()
            for one in pool_of(asked.answerer, now).in_use
        ]


def _association(one: LiveAssociation, worker: int) -> LiveRow:
    operation, instances, size = one.operation, one.stored, one.size
    words = "C-STORE" if one.stored or one.refused else ""
    if operation is not None:
        words = f"{operation.name} {operation.query_level}".strip()
        words += f", {operation.waiting} more wait" if operation.waiting else ""
        instances, size = instances + operation.progress.sent, size + operation.progress.size
    return LiveRow(
        one.association_id,
        *("in", "dimse", one.calling_ae_title, one.called_ae_title, one.peer, one.host),
        one.entity,
        one.since,
        words,
        instances,
        size,
        worker,
    )


def _request(one: LiveRequest, worker: int) -> LiveRow:
    return LiveRow(
        one.id,
        *("in", "http", one.caller, one.entity, "", one.address, one.entity),
        one.since,
        f"{one.method} {one.path}",
        None,
        one.received_bytes + one.sent_bytes,
        worker,
    )


def _lane(one: LaneFigures, worker: int) -> LiveRow:
    words = f"{one.sessions} sessions"
    return LiveRow(
        *("", "out", "lane", "", one.destination, one.destination, "", ""),
        *(None, words, None, 0),
        worker,
    )
