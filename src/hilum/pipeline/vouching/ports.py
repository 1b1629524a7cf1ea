"""What vouching needs of the ledger, and of who can call a peer back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from hilum.dimse.service.commitment_answer import Vouched
from hilum.kernel.names import UID
from hilum.ledger.commitment import Asked, Commitment, Reference


class Commitments(Protocol):
    """`hilum.ledger.commitments.Commitments`. Every method raises Full or LedgerUnavailable."""

    def ask(self, asked: Asked, *, now: datetime, until: datetime) -> Commitment:
        """Remember a request, leased to who reports it. Raises Rejected: the UID is in use."""
        ...

    def claim(self, *, now: datetime, until: datetime, limit: int) -> list[Commitment]:
        """Lease those whose report is due."""
        ...

    def references(self, commitment: Commitment) -> list[Reference]:
        """Give what one names, with what is held of it."""
        ...

    def reported(self, commitment: Commitment, *, detail: str, now: datetime) -> bool:
        """The peer has taken the report."""
        ...

    def give_up(self, commitment: Commitment, *, reason: str, now: datetime) -> bool:
        """Nobody will take the report."""
        ...

    def put_off(self, commitment: Commitment, *, until: datetime, reason: str) -> bool:
        """Have somebody report at another time."""
        ...

    def forget(self, *, before: datetime, limit: int) -> int:
        """Forget what was settled before a moment."""
        ...


class Witness(Protocol):
    """Archives elsewhere that keep what an entity is brought.

    `counts_what_is_here`: what we hold ourselves is kept there, too.
    """

    counts_what_is_here: bool

    async def classes_of(self, uids: Sequence[UID]) -> Mapping[UID, UID]:
        """Give the SOP class of each that they have now, "" if they do not say it.

        Raises AnswererFailed: one that may have what the others have not does not answer.
        """
        ...


class Witnesses(Protocol):
    """Who keeps what is brought to our entities."""

    def of(self, ae_title: str) -> Witness | None:
        """Give who is to be asked about an entity; None: what is held here is all there is."""
        ...


class Listener(Protocol):
    """Where a peer listens."""

    async def report(self, vouched: Vouched, *, seconds: float) -> None:
        """Bring a report on an association of our own.

        Raises:
            Unreachable, Rejected, RemoteProtocolError: it was not taken, and the message says why.
        """
        ...


class Listeners(Protocol):
    """Who can be called back."""

    def find(self, peer: str, *, calling: str) -> Listener | None:
        """Give where a peer of the configuration listens, for us as `calling`; None: unknown."""
        ...
