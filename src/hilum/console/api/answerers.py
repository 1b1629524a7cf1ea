"""`/api/v1/answerers`: the archives that answer for us, whether they do, and what they are at."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from hilum.console.api.destinations import Verified
from hilum.console.api.live import Silence, SilentModel
from hilum.kernel.errors import HilumError
from hilum.pipeline.answerers.ports import Answerer


@dataclass(frozen=True, slots=True)
class AnswererRow:
    """An answerer as it is now, in one process."""

    name: str
    type: str
    is_well: bool
    last_failure: str
    questions: int
    fetches: int
    connections_max: int
    busy: int
    idle: int | None
    waiting: int
    entities: Sequence[str]
    worker: int


@dataclass(frozen=True, slots=True)
class AnswerersSeen:
    """The answerers as each worker sees them, but those that were silent."""

    rows: Sequence[AnswererRow]
    silent: Sequence[Silence]


class ViewModel(BaseModel):
    """An archive as one worker sees it."""

    worker: int
    is_well: bool = Field(description="false: it failed, and is not asked until it answers again.")
    last_failure: str = Field(description="How it failed last; empty: it never did.")
    questions: int = Field(description="Questions and fetches that are under way or wait.")
    fetches: int = Field(description="Fetches that are under way.")
    connections_max: int
    busy: int = Field(description="Associations or connections that are at work.")
    idle: int | None = Field(description="Those that are open and have nothing to do.")
    waiting: int = Field(description="Who waits for one.")


class AnswererModel(ViewModel):
    """An archive that answers for us: the sums over all workers, and what each sees."""

    name: str
    type: str
    worker: int = Field(description="The worker that answers.")
    is_well: bool = Field(description="false: a worker does not ask it until it answers again.")
    entities: list[str] = Field(description="AE titles of the entities that it answers for.")
    workers: list[ViewModel]
    silent: list[SilentModel] = Field(description="Workers that are missing in the sums.")


class AnswerersApi:
    """The routes. `find` gives the answerer to verify."""

    def __init__(
        self,
        rows: Callable[[], Awaitable[AnswerersSeen]],
        find: Callable[[str], Answerer | None],
        *,
        worker: int,
    ) -> None:
        self._rows = rows
        self._find = find
        self._worker = worker
        self.router = APIRouter(prefix="/answerers", tags=["answerers"])
        self.router.get("")(self.list)
        self.router.post("/{name}/verify")(self.verify)

    async def list(self) -> list[AnswererModel]:
        """List the answerers, as all workers see them."""
        seen = await self._rows()
        by_name: dict[str, list[AnswererRow]] = {}
        for row in seen.rows:
            by_name.setdefault(row.name, []).append(row)
        silent = SilentModel.of(seen.silent)
        return [_summed(by_name[name], self._worker, silent) for name in sorted(by_name)]

    async def verify(self, name: str) -> Verified:
        """Ask an answerer whether it would answer now."""
        answerer = self._find(name)
        if answerer is None:
            there = ", ".join(sorted({row.name for row in (await self._rows()).rows})) or "none"
            raise HTTPException(404, f"There is no answerer {name}. There are: {there}.")
        try:
            await answerer.verify()
        except HilumError as error:
            return Verified(answers=False, reason=str(error))
        return Verified(answers=True)


def _summed(rows: list[AnswererRow], worker: int, silent: list[SilentModel]) -> AnswererModel:
    """Make one of what the workers see; a failure that is not over goes before others."""
    rows = sorted(rows, key=lambda row: row.worker)
    failures = [row.last_failure for row in sorted(rows, key=lambda row: row.is_well)]
    idle = [row.idle for row in rows if row.idle is not None]
    return AnswererModel(
        name=rows[0].name,
        type=rows[0].type,
        worker=worker,
        is_well=all(row.is_well for row in rows),
        last_failure=next((one for one in failures if one), ""),
        questions=sum(row.questions for row in rows),
        fetches=sum(row.fetches for row in rows),
        connections_max=sum(row.connections_max for row in rows),
        busy=sum(row.busy for row in rows),
        idle=sum(idle) if idle else None,
        waiting=sum(row.waiting for row in rows),
        entities=list(rows[0].entities),
        workers=[ViewModel.model_validate(row, from_attributes=True) for row in rows],
        silent=silent,
    )
