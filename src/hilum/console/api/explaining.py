"""`/api/v1/explain`: why an instance or a study went where it went, or did not, and what helps.

The values that conditions met may be a patient's: who asks is in the audit trail before the answer.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from hilum.console.api.models import StateName
from hilum.ledger.entry import AuditRecord, Origin
from hilum.pipeline.advice import Advice
from hilum.pipeline.explained import explanation_as_json
from hilum.pipeline.explanation import Explanation

Explain = Callable[[str], tuple[Explanation, Sequence[Advice]]]
# What a UID and an accession number (SH) are at most, PS3.5 §6.2; room for one that is neither.
Name = Annotated[str, Path(min_length=1, max_length=64)]


class AdviceModel(BaseModel):
    """What is the matter, and what helps."""

    cause: str
    remedy: str
    is_urgent: bool


class StandstillModel(BaseModel):
    """Deliveries that are not there for one and the same reason."""

    state: StateName
    reason: str
    count: int


class ProgressModel(BaseModel):
    """How far a destination is; `unplanned` instances are held, and no route sent them there."""

    destination: str
    planned: int
    delivered: int
    unplanned: int
    standing: list[StandstillModel]


class ExplanationModel(BaseModel):
    """What `hilum explain --json` gives: the advice first, the most urgent before the others."""

    name: str
    advice: list[AdviceModel]
    instances: int
    goes_to: list[str]
    destinations: list[ProgressModel]
    routes: list[dict[str, Any]]  # each with the conditions of its kind
    deliveries: list[dict[str, Any]]  # as the queue lists them, with their failures


class ExplainApi:
    """The route. `explain` may block; it is called in a thread."""

    def __init__(self, explain: Explain, audit: Callable[[AuditRecord], None]) -> None:
        self._explain = explain
        self._audit = audit
        self.router = APIRouter(prefix="/explain", tags=["explain"])
        self.router.get("/{name:path}", response_model=ExplanationModel)(self.explain)

    def explain(
        self,
        name: Name,
        request: Request,
        by: Annotated[str, Query(max_length=64, description="Who asks.")] = "",
    ) -> dict[str, Any]:  # Any: JSON
        """Explain a UID of any level or an accession number."""
        found, advice = self._explain(name)
        self._audit(_record(found, by, request))
        return explanation_as_json(found, advice)


def _record(found: Explanation, by: str, request: Request) -> AuditRecord:
    host = request.client.host if request.client else ""
    example = found.example
    return AuditRecord(
        "explanation given",
        "success",
        Origin("", "", by or "API", host, "", ""),
        study_instance_uid=example.facts.study_instance_uid if example else "",
        sop_instance_uid=example.facts.sop_instance_uid if example else "",
        patient_id=example.facts.patient_id if example else "",
        detail=f"asked for {found.name}; {len(found.held)} instances",
    )
