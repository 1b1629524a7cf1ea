"""Where instances land that somebody sends us outside of the gateway's own intake, piece by piece.

A C-GET of ours and a plain receiver have this in common: a C-STORE, a sink, and an answer.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from hilum.dimse.command import Command
from hilum.dimse.service.storage import Refusal, store_refusal
from hilum.dimse.status import (
    CANNOT_UNDERSTAND,
    DATA_SET_MISMATCH,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SUCCESS,
)
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.errors import CorruptPayload, Full, HilumError, NotAllowed
from hilum.kernel.names import UID

# A view of bytes stays as it is: whoever takes it may keep it, as it may keep bytes.
Bytes = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Incoming:
    """An instance that is about to come, as its sender announces it."""

    sop_class_uid: UID
    sop_instance_uid: UID
    transfer_syntax_uid: UID
    sender: str  # AE title of whoever sends it
    cached: str = ""  # where it lies in the cache: another process of ours took it


class Landing(Protocol):
    """Takes one data set. One of `keep` and `drop` ends it.

    Everything may raise Full (no room), CorruptPayload (not a data set), NotAllowed (it is not what
    was announced or wanted), or another HilumError; then only `drop` follows.
    """

    async def take(self, piece: Bytes) -> None:
        """Take the next bytes."""
        ...

    async def keep(self) -> None:
        """Keep the whole: when this returns, it is as safe as the sink promises."""
        ...

    async def drop(self) -> None:
        """Leave nothing behind. Raises nothing."""
        ...


class Sink(Protocol):
    """Gives instances a place."""

    async def land(self, incoming: Incoming) -> Landing:
        """Begin with an instance. Raises as `Landing` does."""
        ...


class Touchdown:
    """One C-STORE on its way into a sink: whatever goes wrong there becomes the answer.

    Every piece has to be taken, also when it is refused: the answer comes behind the last one.
    """

    def __init__(self, refusal: Refusal | None = None, landing: Landing | None = None) -> None:
        self.answer = refusal or Refusal(SUCCESS, "")
        self._landing = landing

    @classmethod
    async def begin(
        cls, sink: Sink, context: Context, command: Command, *, sender: str
    ) -> "Touchdown":
        """Begin with a C-STORE-RQ."""
        refusal = store_refusal(context, command)
        if refusal is not None:
            return cls(refusal)
        incoming = Incoming(
            command.affected_sop_class_uid,
            command.affected_sop_instance_uid,
            context.transfer_syntax,
            sender,
        )
        try:
            return cls(landing=await sink.land(incoming))
        except HilumError as error:
            return cls(_refusal_of(error))

    async def take(self, piece: Bytes) -> None:
        """Take the next bytes, or drop them."""
        if self._landing is not None:
            try:
                await self._landing.take(piece)
            except HilumError as error:
                await self._refuse(error)

    async def finish(self) -> Refusal:
        """Give the answer, when the last byte was taken; status 0 is success."""
        if self._landing is not None:
            try:
                await self._landing.keep()
                self._landing = None
            except HilumError as error:
                await self._refuse(error)
        return self.answer

    async def abandon(self) -> None:
        """The rest will not come, or nobody waits for it. After `finish` this does nothing."""
        landing, self._landing = self._landing, None
        if landing is not None:
            await landing.drop()

    async def _refuse(self, error: HilumError) -> None:
        self.answer = _refusal_of(error)
        await self.abandon()


_STATUSES: Final[tuple[tuple[type[HilumError], int, str], ...]] = (
    (Full, OUT_OF_RESOURCES, "no room"),
    (CorruptPayload, CANNOT_UNDERSTAND, "the data set is not complete"),
    (NotAllowed, DATA_SET_MISMATCH, "the data set is not what was announced"),
)


def _refusal_of(error: HilumError) -> Refusal:
    """Answer what the sink complains about; its own words may name paths of ours."""
    for kind, status, comment in _STATUSES:
        if isinstance(error, kind):
            return Refusal(status, comment)
    return Refusal(PROCESSING_FAILURE, "it cannot be kept")
