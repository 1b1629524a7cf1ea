"""Where a C-MOVE can send to: the port that `service/` fills with what can deliver over DIMSE."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from hilum.dimse.service.storage import MoveOriginator
from hilum.kernel.names import UID
from hilum.pipeline.ports import Session

Kind = tuple[UID, UID]  # SOP class, transfer syntax


@dataclass(frozen=True, slots=True)
class Errand:
    """What every store of one C-MOVE says of it (PS3.7 §9.1.1.1)."""

    originator: MoveOriginator
    priority: int


class MoveTarget(Protocol):
    """Somebody instances can be moved to."""

    @property
    def syntaxes(self) -> Collection[UID]:
        """Give the only transfer syntaxes that may be sent; none: nothing is said of them."""
        ...

    def session(self, errand: Errand, kinds: Collection[Kind]) -> Session:
        """Give a new session that can take instances of `kinds`; nothing is opened yet."""
        ...


class Movers(Protocol):
    """The move destinations, by AE title."""

    def find(self, ae_title: str) -> MoveTarget | None:
        """Give who has this title now; None: nobody that we know where to find."""
        ...
