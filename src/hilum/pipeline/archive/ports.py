"""What doors ask of an archive: matches of a question, and the instances behind them.

The doors only know this; what is behind it may be our own ledger and vault, or somebody else's.
"""

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from hilum.ledger.entry import Origin
from hilum.ledger.holdings import Holding
from hilum.query.match import Match
from hilum.query.query import Attribute, Query
from hilum.query.retrieval import Retrieval

__all__ = ["Archive", "Batch", "Holding", "Purpose"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some matches of a question. `ignored`: keys that narrowed nothing, the same in each batch."""

    matches: tuple[Match, ...]
    ignored: tuple[Attribute, ...] = ()


class Purpose(enum.Enum):
    """Why instances are taken out; the audit record says it."""

    MOVE = "move"
    GET = "get"
    RETRIEVE = "retrieve"
    METADATA = "metadata"
    RENDER = "render"
    EXPORT = "export"
    DELETE = "delete"


class Archive(Protocol):
    """What is held. Lives on the event loop; what may block is done in threads.

    Every method raises LedgerUnavailable or Full when it cannot look, or cannot keep account.
    """

    def find(self, query: Query, asker: Origin) -> AsyncIterator[Batch]:
        """Give all matches of a question, its own offset and limit observed, batch by batch.

        The first batch comes even if it is empty. The audit record is written before it. Whoever
        stops early closes the iterator.
        """
        ...

    async def holdings(
        self, retrieval: Retrieval, asker: Origin, purpose: Purpose
    ) -> Sequence[Holding]:
        """Give the instances of a retrieval, by study, series and number; none is no error.

        An audit record for each study is written before this returns; what viewers do again and
        again may be told once for a while (`archive.accounts`).
        """
        ...

    def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the DICOM JSON object of each holding, in their order, without its bulk data.

        The address of bulk data is `<bulk_root>/studies/…/series/…/instances/…/bulkdata/<path>`
        (`path`: see `dicom.bulk`). What cannot be read any more is left out.
        """
        ...
