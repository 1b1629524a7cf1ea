"""What the journey needs of the doors and keepers around it; doors implement it, service fills it.

A lane hands parcels to a session of its destination and gets one outcome for each. The lane decides
when, how many and how often; the destination only knows how.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from hilum.kernel.names import UID
from hilum.kernel.outcome import Outcome


class Source(Protocol):
    """An instance that lies in no file."""

    @property
    def pieces(self) -> Sequence[memoryview]:
        """Give its bytes as they lie."""
        ...

    def open(self) -> "PayloadReader":
        """Open it as a payload. Raises CorruptPayload."""
        ...


@dataclass(slots=True)
class Parcel:
    """One instance that one destination must get. Hot: not frozen, never changed.

    `path` is where the payload lies in the vault, unless it is `held` in memory. `attempts` counts
    the tries before this one.
    """

    delivery_id: int
    sop_class_uid: UID
    sop_instance_uid: UID
    series_instance_uid: UID
    study_instance_uid: UID
    transfer_syntax_uid: UID
    size: int
    path: str
    attempts: int = 0
    held: Source | None = None

    def open(self, payloads: "Payloads") -> "PayloadReader":
        """Open its payload. Raises OSError, CorruptPayload."""
        return payloads.open_payload(self.path) if self.held is None else self.held.open()


class PayloadReader(Protocol):
    """An open payload: the data set behind its file meta, as it was received."""

    size: int

    def read_into(self, buffer: memoryview) -> int:
        """Read the next bytes of the data set; 0 is its end. Raises OSError, CorruptPayload."""
        ...

    def read_at(self, buffer: memoryview, offset: int) -> int:
        """Read from an offset in the data set, `read_into` goes on where it was; 0 is its end.

        May read less than there is room for. Raises OSError, CorruptPayload.
        """
        ...

    def lies_at(self, offset: int, size: int) -> tuple[int, int] | None:
        """Give the descriptor and where in its file so much of the data set lies, until `close`.

        None: in no file that a socket could take it from. Raises CorruptPayload.
        """
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class Payloads(Protocol):
    """The vault, as doors see it."""

    def open_payload(self, path: str) -> PayloadReader:
        """Open the payload at a vault path. Raises OSError, CorruptPayload."""
        ...


class Session(Protocol):
    """One association or connection to a destination, opened when it is first needed.

    It is used by one task at a time. It opens what it needs again by itself after a loss.
    """

    def deliver(self, parcels: Sequence[Parcel]) -> AsyncIterator[tuple[Parcel, Outcome]]:
        """Bring `parcels` to the other side: exactly one outcome for each, in any order.

        Outcomes are given as soon as they are known, so that what arrived is never sent again.
        Nothing the other side does raises: it is an outcome. A parcel that was not tried because
        the connection was lost before it is `Deferred(…, failing=UNTRIED)`. Bounded in memory
        whatever the sizes.
        """
        ...

    async def aclose(self) -> None:
        """End the association in order, within a deadline. Safe to call twice."""
        ...


class Destination(Protocol):
    """A place instances can be delivered to. One object per configured destination and process."""

    name: str

    async def verify(self) -> None:
        """Find out whether it would take something now (C-ECHO, OPTIONS, a writable folder).

        Raises:
            Unreachable: not now; RemoteProtocolError: what answers is not what we expect;
            Rejected: it turns us away. Messages say what to change.
        """
        ...

    def session(self) -> Session:
        """Give a new session; nothing is opened yet."""
        ...

    async def aclose(self) -> None:
        """Let go of everything that sessions shared."""
        ...
