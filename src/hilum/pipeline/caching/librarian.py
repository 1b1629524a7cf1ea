"""Knows what is on the shelves of the cache, and keeps it within its bounds.

All of it may block: one thread of the cache does it. What other processes put there or took away
is seen when it is looked for.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.names import is_uid
from hilum.ledger.holdings import Holding
from hilum.ledger.moments import microseconds_of, moment_of
from hilum.pipeline.archive.ports import Named
from hilum.pipeline.caching.eviction import (
    Excess,
    Stock,
    by_use,
    excess_of,
    missing_room,
    too_old,
)
from hilum.pipeline.caching.landing import holding_of
from hilum.pipeline.caching.pins import Pins
from hilum.pipeline.caching.settings import CacheSettings
from hilum.pipeline.room import Room
from hilum.vault.cache.files import CacheFiles
from hilum.vault.cache.leases import is_recent
from hilum.vault.cache.places import place_of, study_place
from hilum.vault.cache.record import Came
from hilum.vault.cache.shelf import Shelf

# Studies whose index stays in memory; of others it is read again when they are asked for.
_SHELVES_MAX: Final = 64
_MICROSECONDS: Final = 1_000_000
# Taken away in one go, while nobody may put anything.
_DROPPED_AT_ONCE: Final = 64
# Taken away of one study by a look: others wait for that thread. The next look goes on.
_TRIMMED_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Gone:
    """What was taken away of a study, and why: age, room."""

    place: str
    cause: str
    payloads: int
    file_bytes: int


@dataclass(slots=True)
class Found:
    """What is here of what was wanted; `damaged`: paths of what should have been."""

    holdings: dict[str, Holding] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Looked:
    """What a look at everything showed and did."""

    payloads: int = 0
    file_bytes: int = 0
    gone: list[Gone] = field(default_factory=list)


class Librarian:
    """One object a process."""

    def __init__(
        self,
        files: CacheFiles,
        pins: Pins,
        settings: CacheSettings,
        room: Room,
        clock: Clock,
        *,
        free_bytes_min: int,
    ) -> None:
        self._files = files
        self._pins = pins
        self._settings = settings
        self._room = room
        self._clock = clock
        self._free_bytes_min = free_bytes_min
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()
        # Holdings by the names of payloads, as they were given out, of these shelves.
        self._known: dict[str, dict[str, Holding]] = {}
        # What was counted of studies whose index is not in memory, and in which state of it.
        self._counted: dict[str, tuple[tuple[int, int], Stock]] = {}

    def find(self, answerer: str, wanted: Collection[Named]) -> Found:
        """Look for instances. Raises OSError."""
        found = Found()
        for study, uids in _by_study(wanted).items():
            shelf = self._shelf(study_place(answerer, study))
            self._files.look(shelf, now=self._seconds())
            if not shelf.payloads:
                self._let_go(shelf.place)  # keep in memory what something is in
            self._find_in(shelf, uids, found)
        return found

    def has_any(self, answerer: str, study: str) -> bool:
        """Tell whether there is something of a study. Raises OSError."""
        shelf = self._shelf(study_place(answerer, study))
        self._files.look(shelf, now=self._seconds())
        if not shelf.payloads:
            self._let_go(shelf.place)
        return bool(shelf.payloads)

    def adopt(self, answerer: str, path: str) -> Holding | None:
        """Find what another process put there; None: it is not there. Raises OSError."""
        place = place_of(path)
        study = place.rpartition("/")[2]
        if not is_uid(study) or place != study_place(answerer, study):
            return None
        shelf = self._shelf(place)
        self._files.look(shelf, now=self._seconds())
        came = shelf.payloads.get(path.removeprefix(f"{place}/"))
        if came is None or not self._files.is_whole(shelf, came):
            return None
        self._pins.use(path)
        return holding_of(place, came, moment_of(came.received_at_microseconds))

    def drop(self, paths: Iterable[str]) -> None:
        """Take payloads away at once."""
        for path in paths:
            with suppress(OSError):  # it is seen to be gone, or goes with its study
                self._files.drop(path)

    def look(self) -> Looked:
        """Keep the bounds: to be done every few seconds. Raises OSError."""
        self._pins.tidy()
        for place in self._pins.places():
            self._files.renew(place, now=self._seconds())
        stocks = [stock for place in self._files.places() if (stock := self._stock(place))]
        self._counted = {one: self._counted[one] for one in {stock.place for stock in stocks}}
        bytes_max = self._settings.bytes_max
        excess = excess_of(stocks, bytes_max=bytes_max, missing_bytes=self._missing_bytes())
        looked = Looked()
        self._evict(stocks, excess, looked)
        went = {gone.place: gone for gone in looked.gone}
        for stock in stocks:
            gone = went.get(stock.place)
            looked.payloads += stock.payloads - (gone.payloads if gone else 0)
            looked.file_bytes += stock.file_bytes - (gone.file_bytes if gone else 0)
        return looked

    def _find_in(self, shelf: Shelf, uids: Iterable[str], found: Found) -> None:
        oldest, keeps = self._oldest(), self._settings.bytes_max > 0
        pins, is_whole = self._pins, self._files.is_whole
        known = self._known.get(shelf.place, {})
        paths: list[str] = []
        for uid in uids:
            came = shelf.of(uid)
            if came is None or came.received_at_microseconds < oldest:
                continue
            holding = known.get(came.name) or _known_as(shelf, came, known)
            if not keeps and holding.path not in pins:
                continue  # it is about to go
            if is_whole(shelf, came):
                paths.append(holding.path)
                found.holdings[uid] = holding
            else:
                found.damaged.append(holding.path)
        pins.use(*paths)

    def _evict(self, stocks: list[Stock], excess: Excess, looked: Looked) -> None:
        """Take studies away that nobody uses, then what is not used of the others."""
        aged = list(too_old(stocks, oldest=self._oldest()))
        for stock in aged:
            self._drop_study(stock, "age", excess, looked)
        old = {stock.place for stock in aged}
        for stock in by_use(one for one in stocks if one.place not in old):
            if excess.is_over:
                break
            self._drop_study(stock, "room", excess, looked)
        for stock in stocks:
            if stock.is_used:
                self._trim(stock, excess, looked)

    def _drop_study(self, stock: Stock, cause: str, excess: Excess, looked: Looked) -> None:
        if self._files.drop_study(stock.place, now=self._seconds()):
            looked.gone.append(Gone(stock.place, cause, stock.payloads, stock.file_bytes))
        elif self._files.use_of(stock.place) is not None:
            return  # somebody began to use it
        self._let_go(stock.place)
        excess.less(stock.payloads, stock.file_bytes)

    def _trim(self, stock: Stock, excess: Excess, looked: Looked) -> None:
        """Of a study that is in use here, take away what is too old, or what room is needed for."""
        if excess.is_over and stock.newest >= self._oldest() and not self._has_old(stock.place):
            return
        shelf = self._shelf(stock.place)
        shelf.refresh()
        oldest = self._oldest()
        unused = [one for one in shelf.payloads.values() if not self._is_used(shelf, one)]
        unused.sort(key=lambda one: one.received_at_microseconds)
        goes: list[Came] = []
        for one in unused[:_TRIMMED_MAX]:
            if excess.is_over and one.received_at_microseconds >= oldest:
                break
            goes.append(one)
            excess.less(1, one.file_bytes)
        self._drop_some(shelf, goes, looked)

    def _drop_some(self, shelf: Shelf, goes: list[Came], looked: Looked) -> None:
        dropped: list[Came] = []
        for first in range(0, len(goes), _DROPPED_AT_ONCE):
            some = goes[first : first + _DROPPED_AT_ONCE]
            names = [one.name for one in some]
            if not self._files.drop_some(shelf, names, now=self._seconds()):
                break  # another process uses it
            dropped += some
        if dropped:
            size = sum(one.file_bytes for one in dropped)
            looked.gone.append(Gone(shelf.place, "room", len(dropped), size))

    def _is_used(self, shelf: Shelf, came: Came) -> bool:
        landed = came.received_at_microseconds / _MICROSECONDS
        return is_recent(landed, self._seconds()) or self._pins.is_used(
            f"{shelf.place}/{came.name}"
        )

    def _has_old(self, place: str) -> bool:
        shelf = self._shelves.get(place)
        oldest = self._oldest()
        return shelf is not None and any(
            one.received_at_microseconds < oldest for one in shelf.payloads.values()
        )

    def _stock(self, place: str) -> Stock | None:
        """Count a study; None: it is gone."""
        use = self._files.use_of(place)
        if use is None:
            return None
        state = self._files.state_of(place)
        counted = self._counted.get(place)
        if counted is None or counted[0] != state:
            shelf = self._shelves.get(place) or self._files.shelf_at(place)
            shelf.refresh()
            payloads = shelf.payloads.values()
            newest = max((one.received_at_microseconds for one in payloads), default=0)
            stock = Stock(place, len(payloads), shelf.file_bytes, newest, 0.0, is_used=False)
            counted = self._counted[place] = state, stock
        stock = counted[1]
        is_used = is_recent(use.by_anybody, self._seconds()) or self._has_pins(place)
        return Stock(
            place, stock.payloads, stock.file_bytes, stock.newest, use.by_anybody, is_used=is_used
        )

    def _has_pins(self, place: str) -> bool:
        return place in self._pins.places()

    def _shelf(self, place: str) -> Shelf:
        shelf = self._shelves.get(place)
        if shelf is None:
            shelf = self._shelves[place] = self._files.shelf_at(place)
            self._known[place] = {}
            if len(self._shelves) > _SHELVES_MAX:
                self._let_go(next(iter(self._shelves)))
        self._shelves.move_to_end(place)
        return shelf

    def _let_go(self, place: str) -> None:
        self._shelves.pop(place, None)
        self._known.pop(place, None)

    def _missing_bytes(self) -> int:
        room = self._room
        if not room.is_known:
            return 0
        return missing_room(room.left, room.reserve_bytes, self._free_bytes_min)

    def _oldest(self) -> int:
        """Give since when something must have come to be given out, in microseconds."""
        now = microseconds_of(self._clock.now())
        return now - int(self._settings.age_max * _MICROSECONDS)

    def _seconds(self) -> float:
        return self._clock.now().timestamp()


def _by_study(wanted: Iterable[Named]) -> dict[str, list[str]]:
    studies: dict[str, list[str]] = {}
    for one in wanted:
        studies.setdefault(one.study_instance_uid, []).append(one.sop_instance_uid)
    return {study: uids for study, uids in studies.items() if is_uid(study)}


def _known_as(shelf: Shelf, came: Came, known: dict[str, Holding]) -> Holding:
    """Give what a payload is known as; made once, while the names that went are few."""
    if len(known) > 2 * len(shelf.payloads):
        known.clear()
    received_at = moment_of(came.received_at_microseconds)
    holding = known[came.name] = holding_of(shelf.place, came, received_at)
    return holding


def answerer_of(place: str) -> str:
    """Give the folder of an answerer, which is its name unless that is an odd one."""
    return place_of(f"{place}/-/-").split("/")[1]
