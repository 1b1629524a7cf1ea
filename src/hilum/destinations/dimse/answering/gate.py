"""Stands before the sink of one fetch: lets in what is wanted, once, and knows what came.

Each association, or C-MOVE, has an entrance of its own, so that it is known what comes by which.
"""

from collections.abc import Callable, Iterable
from typing import Final

from hilum.kernel.errors import CorruptPayload, Full, HilumError, NotAllowed
from hilum.pipeline.landing import Bytes, Incoming, Landing, Sink

_REASONS: Final[tuple[tuple[type[HilumError], str], ...]] = (
    (Full, "there is no room for it here"),
    (CorruptPayload, "what came is not a complete data set"),
    (NotAllowed, "what came is not what was announced"),
)


class Gate:
    """What is wanted of one fetch, what came, and what we refused."""

    def __init__(self, sink: Sink, wanted: Iterable[str], now: Callable[[], float]) -> None:
        self.sink = sink
        self.now = now
        self.refused: dict[str, str] = {}  # by us, with the reason
        self.is_closed = False
        self._left = dict.fromkeys(wanted)
        self._arrived = 0
        self._landing: set[str] = set()

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
        self.is_closed = True

    def begin(self, uid: str) -> bool:
        """Tell whether an instance is let in; then one of `arrived` and `gave_up` follows."""
        if uid not in self._left or uid in self._landing:
            return False
        self._landing.add(uid)
        return True

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


class WholeGate(Gate):
    """Lets in all that comes, once: nobody has listed what is wanted."""

    def __init__(self, sink: Sink, now: Callable[[], float]) -> None:
        super().__init__(sink, (), now)
        self._came: set[str] = set()

    def begin(self, uid: str) -> bool:
        """Tell whether an instance is let in; see `Gate`."""
        if uid in self._came or uid in self._landing:
            return False
        self._landing.add(uid)
        return True

    def arrived(self, uid: str) -> None:
        """Count an instance that is kept."""
        super().arrived(uid)
        self._came.add(uid)
        self._arrived += 1


class Entrance:
    """The sink that one association has; it counts what came, and knows when the last did."""

    def __init__(self, gate: Gate) -> None:
        self.received_bytes = 0
        self.stored = 0  # instances that were kept, or dropped with success
        self.heard_at = gate.now()
        self._gate = gate

    async def land(self, incoming: Incoming) -> Landing:
        """Begin with an instance; see `Sink`."""
        uid = incoming.sop_instance_uid
        self.took(0)
        if self._gate.is_closed:
            raise NotAllowed("nobody waits for it any more")
        if not self._gate.begin(uid):
            # It came along with what was asked for. A refusal would make some peers stop.
            return _Nowhere(self)
        try:
            return _Watched(self, self._gate, uid, await self._gate.sink.land(incoming))
        except BaseException as error:
            self._gate.gave_up(uid, error)
            raise

    def took(self, size: int) -> None:
        """Count bytes that came."""
        self.received_bytes += size
        self.heard_at = self._gate.now()


class _Watched:
    """A landing of something that is wanted."""

    def __init__(self, entrance: Entrance, gate: Gate, uid: str, landing: Landing) -> None:
        self._entrance = entrance
        self._gate = gate
        self._uid = uid
        self._landing = landing

    async def take(self, piece: Bytes) -> None:
        self._entrance.took(len(piece))
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
        self._entrance.stored += 1
        self._gate.arrived(self._uid)

    async def drop(self) -> None:
        self._gate.gave_up(self._uid, None)
        await self._landing.drop()


class _Nowhere:
    """A landing of what nobody asked for."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    async def take(self, piece: Bytes) -> None:
        self._entrance.took(len(piece))

    async def keep(self) -> None:
        """Keep nothing."""
        self._entrance.stored += 1

    async def drop(self) -> None:
        """Leave nothing."""
