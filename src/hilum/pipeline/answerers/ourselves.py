"""Our own archive as one of several answerers; who asks them keeps the accounts."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from hilum.ledger.errors import LedgerUnavailable
from hilum.ledger.holdings import Held
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.archive.ports import Batch, Holding
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval

LOCAL: Final = "local"


class Unaccounted(Protocol):
    """Our archive, without audit records (`LocalArchive`). Raises LedgerUnavailable."""

    def pages(self, query: Query) -> AsyncGenerator[Batch, None]:
        """Give all matches."""
        ...

    async def held(self, retrieval: Retrieval) -> Held:
        """Give the instances of a retrieval."""
        ...

    def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the DICOM JSON object of each (see `Archive.metadata`)."""
        ...


class Ourselves:
    """What we hold, for an entity that answers with it and with others."""

    name = LOCAL

    def __init__(self, archive: Unaccounted) -> None:
        self.archive = archive

    async def find(self, query: Query) -> AsyncIterator[Batch]:
        """Give all matches. Raises AnswererFailed."""
        try:
            async with aclosing(self.archive.pages(query)) as pages:
                async for batch in pages:
                    yield batch
        except LedgerUnavailable as error:
            raise _failure(error) from error

    async def held(self, retrieval: Retrieval) -> Held:
        """Give the instances of a retrieval. Raises AnswererFailed."""
        try:
            return await self.archive.held(retrieval)
        except LedgerUnavailable as error:
            raise _failure(error) from error


def _failure(error: LedgerUnavailable) -> AnswererFailed:
    return AnswererFailed(str(error), answerer=LOCAL, ailment=Lost.BUSY)
