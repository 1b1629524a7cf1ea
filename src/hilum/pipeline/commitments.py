"""Storage commitments we asked for and whose report is still to come: from any association.

An archive may report on the association we asked on, or call us on one of its own (PS3.4 §J.3.3):
doors in and doors out meet here. One object a process. A report that reaches another process finds
nothing here: its sender is told so, and whoever waits asks again later.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from hilum.dimse.service.commitment import CommitmentReport
from hilum.kernel.names import UID


def new_transaction_uid() -> UID:
    """Make a UID that nobody has used (PS3.5 §B.2)."""
    return UID(f"2.25.{uuid4().int}")


class Commitments:
    """Transactions that are open, by UID. Lives on the event loop."""

    def __init__(self, new_uid: Callable[[], UID] = new_transaction_uid) -> None:
        self._new_uid = new_uid
        self._open: dict[UID, asyncio.Future[CommitmentReport]] = {}

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def transaction(self) -> Iterator[tuple[UID, asyncio.Future[CommitmentReport]]]:
        """Begin a transaction; its report is the future's result if it comes before the end."""
        uid = self._new_uid()
        future: asyncio.Future[CommitmentReport] = asyncio.get_running_loop().create_future()
        self._open[uid] = future
        try:
            yield uid, future
        finally:
            del self._open[uid]

    def report(self, report: CommitmentReport) -> bool:
        """Pass a report on; tell whether anybody waits for it."""
        future = self._open.get(report.transaction_uid)
        if future is None:
            return False
        if not future.done():
            future.set_result(report)
        return True
