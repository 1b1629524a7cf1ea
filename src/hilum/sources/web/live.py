"""Requests that are under way: who asks for what, since when; and a way to end one of them."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Final

from hilum.sources.web.visit import Visit

# What stands in paths that mean something. All else may be a name that somebody took for a UID.
_SEGMENT: Final = re.compile(
    r"[0-9.,]{1,64}|[0-9A-Fa-f]{8}|aets|rs|dicom-web|wado|fhir|studies|series|instances|patients|"
    r"metadata|rendered|thumbnail|pixeldata|bulkdata|frames|ImagingStudy|Endpoint|_search"
)
_HIDDEN: Final = "…"
_SHOWN_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """A request as it is now. `resource`: what it is about, as the metrics call it."""

    id: str
    caller: str
    address: str
    entity: str
    method: str
    path: str
    resource: str
    since: datetime
    received_bytes: int
    sent_bytes: int


class Live:
    """The requests of one process. One object for all doors of it."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = perf_counter,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        # Other processes of the gateway have requests with the same numbers.
        self._prefix = f"http-{uuid.uuid4().hex[:6]}-"
        self._visits: dict[int, Visit] = {}
        self._last = 0

    def enter(self, visit: Visit) -> int:
        """A request begins; give its number."""
        self._last += 1
        self._visits[self._last] = visit
        return self._last

    def leave(self, number: int) -> None:
        """It has been answered."""
        del self._visits[number]

    def requests(self) -> list[LiveRequest]:
        """Give all that are under way, the oldest first."""
        now, moment = self._now(), self._monotonic()
        return [
            self._shown(number, visit, now - timedelta(seconds=moment - visit.began))
            for number, visit in self._visits.items()
        ]

    def abort(self, id_: str) -> bool:
        """End a request, and the work behind it; False: there is none with this id."""
        number = id_.removeprefix(self._prefix)
        visit = self._visits.get(int(number)) if number.isdecimal() else None
        if visit is None or id_ == number:
            return False
        visit.abort()
        return True

    def _shown(self, number: int, visit: Visit, since: datetime) -> LiveRequest:
        exchange = visit.exchange
        return LiveRequest(
            f"{self._prefix}{number}",
            exchange.caller.name,
            exchange.caller.address,
            exchange.entity,
            exchange.method,
            shown_path(exchange.raw_path),
            exchange.kind,
            since,
            exchange.arriving.bytes,
            visit.answering.bytes,
        )


def shown_path(raw_path: bytes) -> str:
    """Give a path without what may be said of a patient in it; AE titles stay."""
    segments = raw_path.decode("latin-1").split("/")
    shown = [
        one if not one or _SEGMENT.fullmatch(one) or segments[at - 1] == "aets" else _HIDDEN
        for at, one in enumerate(segments)
    ]
    return "/".join(shown)[:_SHOWN_MAX]
