"""`/api/v1/associations`: what is open now, who it is and what it does; and ending one of them.

It shows what the process that answers has, of several workers one.
"""

from asyncio import to_thread
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from hilum.console.api.who import who_asks
from hilum.ledger.entry import AuditRecord

ABORTED = "association aborted"
Direction = Literal["in", "out"]
Kind = Literal["dimse", "http", "answerer", "lane"]


@dataclass(frozen=True, slots=True)
class LiveRow:
    """An association or request that is open. `id` is "" where it cannot be ended from here."""

    id: str
    direction: Direction
    kind: Kind
    calling: str
    called: str
    peer: str
    host: str
    entity: str
    since: datetime | None
    operation: str
    instances: int | None
    bytes: int


class LiveModel(BaseModel):
    """An association or request that is open now."""

    id: str = Field(description="To end it by; empty: it cannot be ended from here.")
    direction: Direction = Field(description="in: somebody calls us; out: we call somebody.")
    kind: Kind = Field(
        description="dimse and http: at our doors; answerer: we ask an archive; lane: we deliver."
    )
    calling: str = Field(description="Calling AE title, or the name of the caller's key.")
    called: str = Field(description="Called AE title, or whom we call.")
    peer: str
    host: str
    entity: str
    since: datetime | None
    operation: str = Field(description="What is going on; empty: nothing.")
    instances: int | None = Field(description="Instances that came or went until now.")
    bytes: int


class LivePage(BaseModel):
    """All that is open in the worker that answers."""

    worker: int
    associations: list[LiveModel]


class LiveApi:
    """The routes."""

    def __init__(
        self,
        rows: Callable[[], Sequence[LiveRow]],
        abort: Callable[[str], bool],
        audit: Callable[[AuditRecord], None],
        *,
        worker: int,
    ) -> None:
        """`rows` and `abort` are for the event loop; `audit` blocks."""
        self._rows = rows
        self._abort = abort
        self._audit = audit
        self._worker = worker
        self.router = APIRouter(prefix="/associations", tags=["associations"])
        self.router.get("")(self.list)
        self.router.delete("/{id}", status_code=204)(self.abort)

    async def list(self) -> LivePage:
        """List what is open, the oldest first."""
        rows = sorted(self._rows(), key=_age)
        return LivePage(worker=self._worker, associations=[LiveModel(**asdict(r)) for r in rows])

    async def abort(self, id: str, request: Request) -> None:  # noqa: A002 - its name in the path
        """End an association or request, and the work behind it."""
        found = next((row for row in self._rows() if row.id == id), None)
        if found is None or not self._abort(id):
            raise HTTPException(404, "Nothing with this id is open in the worker that answers.")
        words = f"{found.kind} {found.calling} {found.operation}".rstrip()
        record = AuditRecord(ABORTED, "success", who_asks(request), detail=f"{id}: {words}")
        await to_thread(self._audit, record)


def _age(row: LiveRow) -> float:
    return row.since.timestamp() if row.since else 0.0
