"""`/api/v1/answerers`: the archives that answer for us, whether they do, and what they are at."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from hilum.console.api.destinations import Verified
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


class AnswererModel(BaseModel):
    """An archive that answers for us, as the worker that answers sees it."""

    name: str
    type: str
    is_well: bool = Field(description="false: it failed, and is not asked until it answers again.")
    last_failure: str = Field(description="How it failed last; empty: it never did.")
    questions: int = Field(description="Questions and fetches that are under way or wait.")
    fetches: int = Field(description="Fetches that are under way.")
    connections_max: int
    busy: int = Field(description="Associations or connections that are at work.")
    idle: int | None = Field(description="Those that are open and have nothing to do.")
    waiting: int = Field(description="Who waits for one.")
    entities: list[str] = Field(description="AE titles of the entities that it answers for.")


class AnswerersApi:
    """The routes. `find` gives the answerer to verify."""

    def __init__(
        self, rows: Callable[[], Sequence[AnswererRow]], find: Callable[[str], Answerer | None]
    ) -> None:
        self._rows = rows
        self._find = find
        self.router = APIRouter(prefix="/answerers", tags=["answerers"])
        self.router.get("")(self.list)
        self.router.post("/{name}/verify")(self.verify)

    async def list(self) -> list[AnswererModel]:
        """List the answerers."""
        return [AnswererModel.model_validate(asdict(row)) for row in self._rows()]

    async def verify(self, name: str) -> Verified:
        """Ask an answerer whether it would answer now."""
        answerer = self._find(name)
        if answerer is None:
            there = ", ".join(row.name for row in self._rows()) or "none"
            raise HTTPException(404, f"There is no answerer {name}. There are: {there}.")
        try:
            await answerer.verify()
        except HilumError as error:
            return Verified(answers=False, reason=str(error))
        return Verified(answers=True)
