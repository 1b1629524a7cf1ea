"""`/api/v1/fetch`: get a study from there to here, or to there; and how far that is.

For programs of hospitals that speak neither DIMSE nor DICOMweb.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field, model_validator

from hilum.console.api.app import ROOT
from hilum.console.api.models import Uid
from hilum.console.api.who import who_asks
from hilum.kernel.errors import Rejected
from hilum.ledger.entry import Origin
from hilum.ledger.fetch import Bidding, FetchRequest, Wanted
from hilum.ledger.fetches import LISTED_MAX, Fetches
from hilum.pipeline.prefetch.occasion import Occasion

Place = Annotated[str, Field(min_length=1, max_length=64)]
Number = Annotated[str, Field(max_length=64)]
StateName = Literal["waiting", "active", "done", "incomplete", "failed", "cancelled"]
SERIES_MAX = 1000
_RETRY_SECONDS = 60


class FetchModel(BaseModel, extra="forbid"):
    """What is to be brought where. One of study, patient_id and accession must be given."""

    study: str = Field(default="", pattern=r"^[0-9.]{0,64}$", description="Study Instance UID.")
    series: Annotated[list[Uid], Field(max_length=SERIES_MAX)] = Field(
        default=[], description="Only these series of the study."
    )
    patient_id: Number = Field(default="", description="All studies with this Patient ID.")
    accession: Number = Field(default="", description="All studies with this Accession Number.")
    source: Place = Field(
        alias="from", description="An entity (section or AE title), or a destination."
    )
    to: Place = Field(
        default="local",
        description='"local": kept here and routed, as if somebody had stored it; or a '
        "destination, which gets it without anything being kept here.",
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if bool(self.study) == bool(self.patient_id or self.accession):
            raise ValueError("give study, or patient_id and accession or one of these")
        if self.series and not self.study:
            raise ValueError("series are of a study: give study as well")
        if self.source == self.to:
            raise ValueError("from and to are the same")
        return self


class FailureModel(BaseModel):
    """An instance that is not there, and why."""

    sop_instance_uid: str
    reason: str


class FetchStateModel(BaseModel):
    """A request, and how far it has come."""

    id: str
    state: StateName
    reason: str
    study: str
    series: list[str]
    patient_id: str
    accession: str
    source: str = Field(serialization_alias="from")
    to: str
    rule: str = Field(description="The rule of prefetching that has asked for it.")
    by: str
    created_at: datetime
    began_at: datetime | None
    settled_at: datetime | None
    expected: int = Field(description="Instances, as far as the archive has said.")
    fetched: int
    held: int = Field(description="Instances that were here before.")
    failed: int
    bytes: int
    failures: list[FailureModel] = Field(description="The first hundred that failed.")


class PrefetchModel(BaseModel, extra="forbid"):
    """A patient whose earlier studies shall be here."""

    patient_id: Annotated[str, Field(min_length=1, max_length=64)]
    issuer: Number = ""


class Begun(BaseModel):
    """How many rules look for earlier studies now."""

    rules: int


class FetchingApi:
    """The routes. `places` gives the names that `from` and `to` may have."""

    def __init__(
        self,
        requests: Fetches,
        *,
        places: Callable[[], tuple[frozenset[str], frozenset[str]]],
        ask: Callable[[Bidding, Origin], Awaitable[str]],
        cancel: Callable[[str], None],
        notice: Callable[[Occasion], int],
        now: Callable[[], datetime],
    ) -> None:
        self._requests = requests
        self._places = places
        self._ask = ask
        self._cancel = cancel
        self._notice = notice
        self._now = now
        self.router = APIRouter(tags=["fetch"])
        self.router.post("/fetch", status_code=202)(self.fetch)
        self.router.get("/fetches")(self.list)
        self.router.get("/fetches/{id}")(self.find)
        self.router.delete("/fetches/{id}", status_code=204)(self.cancel)
        self.router.post("/prefetch", status_code=202)(self.prefetch)

    async def fetch(self, wanted: FetchModel, request: Request, response: Response) -> "Asked":
        """Ask for something to be brought; the answer comes at once, the address tells the rest."""
        sources, goals = self._places()
        _check("from", wanted.source, sources)
        _check("to", wanted.to, goals)
        by = who_asks(request)
        bidding = Bidding(
            Wanted(wanted.study, tuple(wanted.series), wanted.patient_id, wanted.accession),
            source=wanted.source,
            target=wanted.to,
            asker=by.peer,
            host=by.host,
        )
        try:
            fetch_id = await self._ask(bidding, by)
        except Rejected as error:
            raise HTTPException(503, str(error), {"Retry-After": str(_RETRY_SECONDS)}) from error
        response.headers["Location"] = f"{ROOT}/fetches/{fetch_id}"
        return Asked(id=fetch_id)

    def list(
        self, limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 100
    ) -> "list[FetchStateModel]":
        """List requests: those that are open, the next one first; then those that are done."""
        return [_shown(one) for one in self._requests.all(limit=limit)]

    def find(self, id: str) -> FetchStateModel:  # noqa: A002 - its name in the path
        """Tell how far a request has come; it is remembered for a week."""
        return _shown(self._found(id))

    def cancel(self, id: str, request: Request) -> None:  # noqa: A002 - its name in the path
        """End a request. What has been brought stays."""
        self._found(id)
        self._requests.cancel(id, by=who_asks(request), now=self._now())
        self._cancel(id)

    async def prefetch(self, wanted: PrefetchModel) -> Begun:
        """Have the rules of prefetching look for earlier studies of a patient."""
        return Begun(rules=self._notice(Occasion(wanted.patient_id, wanted.issuer)))

    def _found(self, fetch_id: str) -> FetchRequest:
        found = self._requests.find(fetch_id)
        if found is None:
            raise HTTPException(404, "There is no such request, or it was done long ago.")
        return found


class Asked(BaseModel):
    """The request that was made, or one that wants the same."""

    id: str


def _check(key: str, name: str, known: frozenset[str]) -> None:
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise HTTPException(422, f"{key}: there is no {name}. There are: {there}.")


def _shown(one: FetchRequest) -> FetchStateModel:
    wanted, progress = one.bidding.wanted, one.progress
    return FetchStateModel(
        id=one.fetch_id,
        state=one.state.value,
        reason=one.reason,
        study=wanted.study_instance_uid,
        series=[*wanted.series_instance_uids],
        patient_id=wanted.patient_id,
        accession=wanted.accession_number,
        source=one.bidding.source,
        to=one.bidding.target,
        rule=one.bidding.rule,
        by=one.bidding.asker,
        created_at=one.created_at,
        began_at=one.began_at,
        settled_at=one.settled_at,
        expected=progress.expected,
        fetched=progress.fetched,
        held=progress.held,
        failed=progress.failed,
        bytes=progress.bytes,
        failures=[
            FailureModel(sop_instance_uid=uid, reason=reason) for uid, reason in progress.failures
        ],
    )
