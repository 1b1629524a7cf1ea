"""What doors ask of an archive: matches of a question, and the instances behind them.

The doors only know this; what is behind it may be our own ledger and vault, or somebody else's.
"""

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from hilum.kernel.names import UID
from hilum.ledger.entry import Origin
from hilum.ledger.holdings import Holding
from hilum.query.match import Match
from hilum.query.query import Attribute, Query
from hilum.query.retrieval import Retrieval

__all__ = ["Archive", "Batch", "Holding", "Missing", "Named", "Origin", "Purpose", "Supply"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some matches of a question. `ignored`: keys that narrowed nothing, as far as it is known.

    `warnings`: why these may not be all there are, known by now (a part of the archive is late).
    The last batch has all of both; of one archive alone, each has.
    """

    matches: tuple[Match, ...]
    ignored: tuple[Attribute, ...] = ()
    warnings: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()


class Named(Protocol):
    """An instance by its UIDs: what is held, or only expected."""

    @property
    def sop_class_uid(self) -> str:
        """Empty where it is not known."""
        ...

    @property
    def sop_instance_uid(self) -> str:
        """What it is known by."""
        ...

    @property
    def series_instance_uid(self) -> str:
        """Empty where it is not known."""
        ...

    @property
    def study_instance_uid(self) -> str:
        """Empty where it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Missing:
    """An instance that was expected and cannot be had. `reason`: for logs and peers."""

    sop_instance_uid: str
    reason: str


class Supply(Protocol):
    """The instances of one retrieval on their way to who asked, each as soon as it is here.

    Iterated once; always closed. Cancelling or closing it stops the work behind it.
    """

    @property
    def expected(self) -> Sequence[Named]:
        """What will come, or be missing: all of it, in the order it is best given out.

        Empty while nobody has listed it: then only `count` is known.
        """
        ...

    @property
    def count(self) -> int:
        """How many will come or be missing, as far as is known; 0: there is nothing."""
        ...

    @property
    def holdings(self) -> Sequence[Holding] | None:
        """Everything, if nothing has to be waited for; else None."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Why `expected` may not be all there is: a part of the archive does not answer."""
        ...

    def __aiter__(self) -> AsyncIterator[Holding | Missing]:
        """Give each of `expected` once, in any order. Raises AnswererFailed before the first.

        What nobody has listed may also raise it later: what is missing then has no name.
        """
        ...

    def done(self, holding: Holding) -> None:
        """Let go of a holding whose payload is not needed any more."""
        ...

    async def aclose(self) -> None:
        """Let go of everything. Safe to call twice."""
        ...


class Purpose(enum.Enum):
    """Why instances are taken out; the audit record says it."""

    MOVE = "move"
    GET = "get"
    RETRIEVE = "retrieve"
    METADATA = "metadata"
    RENDER = "render"
    EXPORT = "export"
    DELETE = "delete"
    FETCH = "fetch"


class Archive(Protocol):
    """What is held. Lives on the event loop; what may block is done in threads.

    Every method raises LedgerUnavailable or Full when it cannot look, or cannot keep account, and
    AnswererFailed (`pipeline.answerers.ailments`) when it is somebody else's and does not answer.
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

    async def supply(
        self,
        retrieval: Retrieval,
        asker: Origin,
        purpose: Purpose,
        *,
        syntaxes: tuple[UID, ...] = (),
    ) -> Supply:
        """Begin to give the instances of a retrieval, one by one; none is no error.

        `syntaxes`: what whoever asks can take (see `Fetch.syntaxes`); what comes may be in another
        one all the same. Audited as `holdings` is, which waits until all of them are here.
        """
        ...

    def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the DICOM JSON object of each holding, in their order, without its bulk data.

        The address of bulk data is `<bulk_root>/studies/…/series/…/instances/…/bulkdata/<path>`
        (`path`: see `dicom.bulk`). What cannot be read any more is left out.
        """
        ...
