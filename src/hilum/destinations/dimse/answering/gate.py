"""Stands before the sink of one fetch: lets in what is wanted, once, and knows what came."""

from collections.abc import Callable, Iterable
from typing import Final

from hilum.kernel.errors import CorruptPayload, Full, HilumError, NotAllowed
from hilum.pipeline.landing import Incoming, Landing, Sink

_REASONS: Final[tuple[tuple[type[HilumError], str], ...]] = (
    (Full, "there is no room for it here"),
    (CorruptPayload, "what came is not a complete data set"),
    (NotAllowed, "what came is not what was announced"),
)


class Gate:
    """A sink before a sink. `received_bytes` and `heard_at` tell that something comes."""

    def __init__(self, sink: Sink, wanted: Iterable[str], now: Callable[[], float]) -> None:
        self.received_bytes = 0
        self.heard_at = now()
        self.refused: dict[str, str] = {}  # by us, with the reason
        self._sink = sink
        self._left = dict.fromkeys(wanted)
        self._arrived = 0
        self._now = now
        self._landing: set[str] = set()
        self._is_closed = False

    @property
    def has_let_in(self) -> bool:
        """Tell whether anything was kept."""
        return self._arrived > 0

    @property
    def left(self) -> tuple[str, ...]:
        """Give what has not come, in its order; what we refused is not among it."""
        return tuple([uid for uid in self._left if uid not in self.refused])

    def close(self) -> None:
        """Let nothing more begin."""
        self._is_closed = True

    async def land(self, incoming: Incoming) -> Landing:
        """Begin with an instance; see `Sink`."""
        uid = incoming.sop_instance_uid
        self.heard_at = self._now()
        if self._is_closed:
            raise NotAllowed("nobody waits for it any more")
        if uid not in self._left or uid in self._landing:
            # It came along with what was asked for. A refusal would make some peers stop.
            return _Nowhere(self)
        self._landing.add(uid)
        try:
            return _Watched(self, uid, await self._sink.land(incoming))
        except BaseException as error:
            self.gave_up(uid, error)
            raise

    def took(self, size: int) -> None:
        """Count bytes that came."""
        self.received_bytes += size
        self.heard_at = self._now()

    def arrived(self, uid: str) -> None:
        """Count an instance that is kept."""
        self._landing.discard(uid)
        self.refused.pop(uid, None)
        self._arrived += uid in self._left
        self._left.pop(uid, None)

    def gave_up(self, uid: str, error: BaseException | None) -> None:
        """Note that an instance was begun and is not kept."""
        self._landing.discard(uid)
        if isinstance(error, HilumError):
            reasons = (reason for kind, reason in _REASONS if isinstance(error, kind))
            self.refused[uid] = next(reasons, "it cannot be kept here")


class _Watched:
    """A landing of something that is wanted."""

    def __init__(self, gate: Gate, uid: str, landing: Landing) -> None:
        self._gate = gate
        self._uid = uid
        self._landing = landing

    async def take(self, piece: bytes) -> None:
        self._gate.took(len(piece))
        try:
            await self._landing.take(piece)
        except HilumError as error:
            self._gate.gave_up(self._uid, error)
            raise

    async def keep(self) -> None:
        try:
            await self._landing.keep()
        except HilumError as error:
            self._gate.gave_up(self._uid, error)
            raise
        self._gate.arrived(self._uid)

    async def drop(self) -> None:
        self._gate.gave_up(self._uid, None)
        await self._landing.drop()


class _Nowhere:
    """A landing of what nobody asked for."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def take(self, piece: bytes) -> None:
        self._gate.took(len(piece))

    async def keep(self) -> None:
        """Keep nothing."""

    async def drop(self) -> None:
        """Leave nothing."""
