"""`/api/v1/associations`: what is open now, who it is and what it does; and ending one of them.

It shows what all workers have. One that does not answer soon is named, and the rest is shown.
"""

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Sequence
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
    worker: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A worker that could not be asked, and why."""

    worker: int
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What is open in all workers but those that were silent."""

    rows: Sequence[LiveRow]
    silent: Sequence[Silence]


@dataclass(frozen=True, slots=True)
class Ended:
    """What was ended; None: nobody has it, or one who was silent."""

    row: LiveRow | None
    silent: Sequence[Silence] = ()


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
    worker: int = Field(description="The worker process that has it.")


class SilentModel(BaseModel):
    """A worker that did not answer, so that what it has is missing here."""

    worker: int
    reason: str

    @classmethod
    def of(cls, silent: Sequence[Silence]) -> "list[SilentModel]":
        """Show them."""
        return [cls(worker=one.worker, reason=one.reason) for one in silent]


class LivePage(BaseModel):
    """All that is open."""

    worker: int = Field(description="The worker that answers.")
    silent: list[SilentModel] = Field(description="Workers whose associations are missing here.")
    associations: list[LiveModel]


class LiveApi:
    """The routes."""

    def __init__(
        self,
        rows: Callable[[], Awaitable[Seen]],
        abort: Callable[[str], Awaitable[Ended]],
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
        """List what is open in all workers, the oldest first."""
        seen = await self._rows()
        return LivePage(
            worker=self._worker,
            silent=SilentModel.of(seen.silent),
            associations=[LiveModel(**asdict(row)) for row in sorted(seen.rows, key=_age)],
        )

    async def abort(self, id: str, request: Request) -> None:  # noqa: A002 - its name in the path
        """End an association or request, and the work behind it, in whichever worker it is."""
        ended = await self._abort(id)
        if ended.row is None:
            raise _not_ended(ended.silent)
        words = f"{ended.row.kind} {ended.row.calling} {ended.row.operation}".rstrip()
        record = AuditRecord(ABORTED, "success", who_asks(request), detail=f"{id}: {words}")
        await to_thread(self._audit, record)


def _not_ended(silent: Sequence[Silence]) -> HTTPException:
    if not silent:
        return HTTPException(404, "Nothing with this id is open.")
    names = "; ".join(f"worker {one.worker}: {one.reason}" for one in silent)
    return HTTPException(
        503, f"No worker that answers has this id ({names}).", headers={"Retry-After": "1"}
    )


def _age(row: LiveRow) -> tuple[float, int]:
    return row.since.timestamp() if row.since else 0.0, row.worker
