"""One fetched instance on its way into the cache: written in runs while it arrives, and examined.

It is seen by nobody before it is whole. What is in memory is done on the loop; what may block is
done there while that is quick, and by threads otherwise (see `Reading`).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from hilum.dicom.part10 import file_meta
from hilum.dicom.shapes import Shapes
from hilum.kernel.errors import CorruptPayload, Full
from hilum.kernel.names import AE_TITLE_LENGTH_MAX
from hilum.ledger.holdings import Holding
from hilum.ledger.moments import microseconds_of
from hilum.pipeline.caching.at_hand import AT_HAND_INSTANCE_BYTES_MAX, AtHand, Whole
from hilum.pipeline.caching.budget import Hold
from hilum.pipeline.caching.examination import Belonging, Examination
from hilum.pipeline.landing import Bytes, Incoming
from hilum.pipeline.moments import Moments
from hilum.pipeline.reading import Reading
from hilum.pipeline.reception import RUN_BYTES
from hilum.pipeline.room import Room
from hilum.vault.cache.files import CacheFiles
from hilum.vault.cache.places import name_of, study_place
from hilum.vault.cache.record import Came
from hilum.vault.draft import Draft
from hilum.vault.seal import BLANK, SEAL_CREATOR_UID, Seal

_T = TypeVar("_T")

# As many as intake takes of one instance.
INSTANCE_BYTES_MAX: Final = 64 << 30
# What stays in memory is examined in longer runs than what is written.
_HELD_RUN_BYTES: Final = 768 << 10
# Every cached payload is the first and only version of its file.
_VERSION: Final = 1
# What only passes is compared with nothing.
_NO_DIGEST: Final = b""


@dataclass(frozen=True, slots=True)
class Dock:
    """What all landings of a process share."""

    files: CacheFiles
    at_hand: AtHand
    room: Room
    moments: Moments
    reading: Reading
    shapes: Shapes

    def need_room(self) -> None:
        """Begin nothing on a full disk. Raises Full; a quota of what is held keeps nothing out."""
        if self.room.left <= 0:
            raise Full(self.room.obstacle or "the disk is full")

    def begin(self, incoming: Incoming) -> Draft:
        """Begin a payload."""
        return self.files.begin(
            file_meta(
                sop_class_uid=incoming.sop_class_uid,
                sop_instance_uid=incoming.sop_instance_uid,
                transfer_syntax_uid=incoming.transfer_syntax_uid,
                sending_ae_title=incoming.sender[:AE_TITLE_LENGTH_MAX],
                private_creator_uid=SEAL_CREATOR_UID,
                private_information=BLANK,
            )
        )


class CacheLanding:
    """One instance (`pipeline.landing.Landing`). `landed` is told of it when it is whole.

    `is_short`: it may be held in memory until then, and longer. What turns out to be long, or finds
    no room there, is written while it comes. `is_passing`: what is in memory then is never written.
    """

    __slots__ = (
        "_answerer",
        "_dock",
        "_draft",
        "_examination",
        "_held",
        "_hold_on",
        "_incoming",
        "_is_passing",
        "_is_short",
        "_landed",
        "_pieces",
        "_run_bytes",
        "_size",
    )

    def __init__(
        self,
        dock: Dock,
        answerer: str,
        incoming: Incoming,
        landed: Callable[[Holding], None],
        *,
        is_short: bool = False,
        is_passing: bool = False,
    ) -> None:
        self._dock = dock
        self._answerer = answerer
        self._incoming = incoming
        self._landed = landed
        self._is_short = is_short
        self._is_passing = is_passing
        dock.need_room()
        self._draft: Draft | None = None  # None: nothing has to be written yet
        self._examination = Examination(incoming, dock.shapes)
        self._pieces: list[Bytes] = []
        self._run_bytes = 0
        # What was examined and is held, and what it has of the budget.
        self._held: list[Bytes] = []
        self._hold_on = Hold(dock.at_hand.budget)
        self._size = 0

    async def take(self, piece: Bytes) -> None:
        """Take the next bytes."""
        self._pieces.append(piece)
        self._run_bytes += len(piece)
        if self._run_bytes >= (_HELD_RUN_BYTES if self._is_short else RUN_BYTES):
            self._take_run()
            if self._is_short:
                self._held += self._run()
            else:
                await self._act(self._write)

    async def keep(self) -> None:
        """Keep the whole, for as long as the gateway and the machine run."""
        received_at = self._dock.moments.next()
        self._take_run()
        finish = partial(self._finish, received_at)
        self._landed(finish() if self._is_short else await self._act(finish))

    async def drop(self) -> None:
        """Leave nothing behind; what cannot be removed now is at the next start."""
        self._pieces = []
        self._let_go()
        if self._draft is not None:
            with suppress(OSError):
                await self._dock.reading.call(self._draft.discard)

    def _take_run(self) -> None:
        """Find out where the run that has come shall be. Raises CorruptPayload: it is too long."""
        self._size += self._run_bytes
        if self._size > INSTANCE_BYTES_MAX:
            raise CorruptPayload(f"it is longer than {INSTANCE_BYTES_MAX:,} bytes")
        if self._is_short:
            self._is_short = self._size <= AT_HAND_INSTANCE_BYTES_MAX and (
                self._hold_on.add(self._pieces)
            )
        if not (self._is_short and self._is_passing):
            self._dock.room.take(self._run_bytes)

    def _let_go(self) -> None:
        """Have nothing in memory any more."""
        self._held = []
        self._hold_on.let_go()

    async def _act(self, act: Callable[[], _T]) -> _T:
        try:
            return await self._dock.reading.call(act)
        except OSError as error:
            self._dock.room.shut()
            raise Full(f"writing the payload failed: {error.strerror}") from error

    # Where it may block, unless it is in memory.

    def _run(self) -> list[Bytes]:
        """Take the run that has come, and examine it."""
        pieces, self._pieces, self._run_bytes = self._pieces, [], 0
        self._examination.read(pieces)
        return pieces

    def _begun(self) -> Draft:
        if self._draft is None:
            self._draft = self._dock.begin(self._incoming)
        return self._draft

    def _write(self) -> None:
        self._begun().write([*self._held, *self._run()])
        self._let_go()

    def _finish(self, received_at: datetime) -> Holding:
        pieces = [*self._held, *self._run()]
        belonging = self._examination.finish()
        if self._is_short and self._is_passing:
            return self._pass(pieces, belonging, received_at)
        return self._keep(pieces, belonging, received_at)

    def _pass(self, pieces: list[Bytes], belonging: Belonging, received_at: datetime) -> Holding:
        """Give it out from memory, under the path of a file that is never written."""
        incoming, at_hand = self._incoming, self._dock.at_hand
        name = name_of(
            series=belonging.series_instance_uid,
            instance=incoming.sop_instance_uid,
            serial=at_hand.next_serial(),
        )
        holding = Holding(
            incoming.sop_class_uid,
            incoming.sop_instance_uid,
            belonging.series_instance_uid,
            belonging.study_instance_uid,
            incoming.transfer_syntax_uid,
            self._size,
            f"{study_place(self._answerer, belonging.study_instance_uid)}/{name}",
            _VERSION,
            received_at,
            _NO_DIGEST,
        )
        hold, self._hold_on = self._hold_on, Hold(at_hand.budget)
        at_hand.let_pass(holding, pieces, hold)
        return holding

    def _keep(self, pieces: list[Bytes], belonging: Belonging, received_at: datetime) -> Holding:
        draft, incoming = self._begun(), self._incoming
        digest = draft.hold(pieces)
        seal = _seal_of(incoming, digest, draft.size, received_at)
        came = Came(
            name_of(
                series=belonging.series_instance_uid,
                instance=incoming.sop_instance_uid,
                serial=draft.serial,
            ),
            incoming.sop_class_uid,
            incoming.sop_instance_uid,
            belonging.series_instance_uid,
            incoming.transfer_syntax_uid,
            draft.size,
            draft.file_bytes,
            microseconds_of(received_at),
            bytes.fromhex(digest),
        )
        place = study_place(self._answerer, belonging.study_instance_uid)
        holding = holding_of(place, came, received_at)
        if self._is_short:
            hold, self._hold_on = self._hold_on, Hold(self._dock.at_hand.budget)
            self._dock.at_hand.keep(Whole(draft, seal, place, came, holding, pieces, hold))
        else:
            draft.complete(seal)
            self._dock.files.put(draft, place, came, now=received_at.timestamp())
            self._let_go()
        return holding


def holding_of(place: str, came: Came, received_at: datetime) -> Holding:
    """Give a cached payload as what is held is known."""
    return Holding(
        came.sop_class_uid,
        came.sop_instance_uid,
        came.series_instance_uid,
        place.rpartition("/")[2],
        came.transfer_syntax_uid,
        came.size,
        f"{place}/{came.name}",
        _VERSION,
        received_at,
        came.digest,
    )


def _seal_of(incoming: Incoming, digest: str, size: int, received_at: datetime) -> Seal:
    return Seal(
        digest=digest,
        size=size,
        received_at=received_at.isoformat(),
        calling_ae_title=incoming.sender,
        called_ae_title="",
        peer="",
        host="",
        entity="",
        association_id="",
    )
