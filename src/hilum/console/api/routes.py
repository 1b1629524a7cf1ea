"""`/api/v1/routes/test`: where something would go by the routes in force, and why.

For those who change routes: ask before the modality does. Nothing is sent and nothing is planned.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field, model_validator

from hilum.console.api.models import Moment, PriorityName, Uid
from hilum.console.api.who import who_asks
from hilum.dicom.dataset import DataSet
from hilum.dicom.json_reader import BadJson, read_json
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.kernel.names import UID
from hilum.ledger.entry import AuditRecord
from hilum.pipeline.explained import routes_as_json
from hilum.pipeline.route_trial import Bringing, NotTried, RouteTrial, try_attributes
from hilum.routing.facts import AssociationFacts
from hilum.routing.plan import Delivery
from hilum.routing.routes import Routes

Said = Annotated[str, Field(max_length=64)]
SIZE_MAX = 2**62


class CircumstancesModel(BaseModel, extra="forbid"):
    """Who would bring it, and when. What is left out is as it was, or as it is by default."""

    calling_ae_title: Said | None = None
    called_ae_title: Said | None = Field(default=None, description="By default ours.")
    peer: Said | None = Field(default=None, description="Its name in the configuration.")
    host: Said | None = None
    entity: Said | None = Field(default=None, description="By default the one that is called.")
    source: Literal["dimse", "web", "folder", "fetch"] | None = None
    tls: bool = False
    at: Moment | None = Field(default=None, description="When; by default now.")

    def changed(self, brought: AssociationFacts, title: str) -> AssociationFacts:
        """Give who brought it, with what is said here in its place."""
        said = self.model_dump(exclude_none=True, exclude={"at", "tls"})
        if brought == AssociationFacts():
            called = said.get("called_ae_title", title)
            brought = AssociationFacts(called_ae_title=called, entity=called, source="dimse")
        return replace(brought, **said, tls=self.tls)


class RouteTestModel(BaseModel, extra="forbid"):
    """An instance: one that is held, or what one would have in it."""

    sop_instance_uid: Uid | Literal[""] = Field(default="", description="Of one that is held.")
    attributes: dict[str, Any] | None = Field(
        default=None, description="A data set in the DICOM JSON Model (PS3.18 §F)."
    )
    transfer_syntax_uid: Uid = Field(
        default=EXPLICIT_VR_LITTLE_ENDIAN.uid, description="Of what has these attributes."
    )
    size: Annotated[int, Field(ge=0, le=SIZE_MAX)] | None = Field(
        default=None, description="Bytes of its data set; by default those of the attributes."
    )
    circumstances: CircumstancesModel = CircumstancesModel()

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if bool(self.sop_instance_uid) == (self.attributes is not None):
            raise ValueError("give sop_instance_uid or attributes, one of them")
        return self


class PlannedModel(BaseModel):
    """A destination or group that it would go to."""

    to: str
    route: str
    on: Literal["instance", "series", "study"]
    priority: PriorityName
    due_at: datetime | None = Field(description="Not before; null: at once.")

    @classmethod
    def of(cls, one: Delivery) -> "PlannedModel":
        """Show a delivery of a plan."""
        return cls(
            to=str(one.target),
            route=one.route,
            on=one.on,
            priority=one.priority,
            due_at=one.due_at,
        )


class RouteTestedModel(BaseModel):
    """The plan, and of every route why it fired or did not."""

    sop_instance_uid: str
    goes_to: list[str]
    deliveries: list[PlannedModel]
    routes: list[dict[str, Any]]  # as `hilum explain --json` has them


# Asks the routes about an instance by its UID; None when none is held under it.
AskHeld = Callable[[str, Routes, Bringing, datetime], RouteTrial | None]


class RoutesApi:
    """The route. `routes` are those in force, `title` is ours. Blocks; called in a thread."""

    def __init__(
        self,
        *,
        routes: Callable[[], Routes],
        title: Callable[[], str],
        ask_held: AskHeld,
        audit: Callable[[AuditRecord], None],
        now: Callable[[], datetime],
    ) -> None:
        self._routes = routes
        self._title = title
        self._ask_held = ask_held
        self._audit = audit
        self._now = now
        self.router = APIRouter(prefix="/routes", tags=["routes"])
        self.router.post("/test", response_model=RouteTestedModel)(self.test)

    def test(self, asked: RouteTestModel, request: Request) -> RouteTestedModel:
        """Say where an instance would go if it came now, or then, and why. Nothing is sent."""
        tried = self._held(asked, request) if asked.sop_instance_uid else self._given(asked)
        return RouteTestedModel(
            sop_instance_uid=tried.sop_instance_uid,
            goes_to=[str(one.target) for one in tried.plan.deliveries],
            deliveries=[PlannedModel.of(one) for one in tried.plan.deliveries],
            routes=routes_as_json(tried.traces),
        )

    def _given(self, asked: RouteTestModel) -> RouteTrial:
        try:
            return try_attributes(
                _data_set(asked),
                self._routes(),
                self._bringing(asked),
                transfer_syntax_uid=UID(asked.transfer_syntax_uid),
                size=asked.size,
                now=self._moment(asked),
            )
        except (BadJson, NotTried) as error:
            raise HTTPException(422, f"attributes: {error}") from error

    def _held(self, asked: RouteTestModel, request: Request) -> RouteTrial:
        """Ask about what is held; its values are a patient's, so who asks is written down."""
        uid, routes = asked.sop_instance_uid, self._routes()
        try:
            tried = self._ask_held(uid, routes, self._bringing(asked), self._moment(asked))
        except NotTried as error:
            raise HTTPException(422, str(error)) from error
        if tried is None:
            raise HTTPException(404, "No instance is held under this UID.")
        self._audit(
            AuditRecord(
                "routes tried",
                "success",
                who_asks(request),
                study_instance_uid=tried.study_instance_uid,
                sop_instance_uid=tried.sop_instance_uid,
                patient_id=tried.patient_id,
            )
        )
        return tried

    def _bringing(self, asked: RouteTestModel) -> Bringing:
        return partial(asked.circumstances.changed, title=self._title())

    def _moment(self, asked: RouteTestModel) -> datetime:
        at = asked.circumstances.at
        if at is None:
            return self._now()
        return at if at.tzinfo is not None else at.replace(tzinfo=self._now().tzinfo)


def _data_set(asked: RouteTestModel) -> DataSet:
    """Read the attributes. Raises BadJson."""
    (data_set,) = read_json(json.dumps(asked.attributes).encode())
    return data_set
