"""Explanations and deliveries for programs: the same from the command line and from the API."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from hilum.ledger.delivery import DeliveryHistory, QueuedDelivery
from hilum.pipeline.advice import Advice
from hilum.pipeline.explanation import Explanation
from hilum.pipeline.progress import Progress, progress_of
from hilum.routing.plan import RouteTrace


def explanation_as_json(found: Explanation, advice: Sequence[Advice]) -> dict[str, Any]:  # JSON
    """Give an explanation. Values of conditions may be a patient's."""
    planned = found.planned.deliveries if found.planned else ()
    return {
        "name": found.name,
        "advice": [asdict(one) for one in advice],
        "instances": len(found.held),
        "goes_to": [str(one.target) for one in planned],
        "destinations": [_progress(one) for one in progress_of(found)],
        "routes": routes_as_json(found.traces),
        "deliveries": [_with_failures(one) for one in found.deliveries],
    }


def routes_as_json(traces: Iterable[RouteTrace]) -> list[dict[str, Any]]:  # JSON
    """Give routes, each with the values that its conditions met: they may be a patient's."""
    return [_route(one) for one in traces]


def deliveries_as_json(found: Iterable[QueuedDelivery]) -> list[dict[str, Any]]:  # JSON
    """Give deliveries, each as the queue has it."""
    return [_delivery(one) for one in found]


def _delivery(one: QueuedDelivery) -> dict[str, Any]:
    return {
        **asdict(one),
        "state": one.state.value,
        "priority": one.priority.name.lower(),
        "due_at": one.due_at.isoformat() if one.due_at else None,
        "created_at": one.created_at.isoformat(),
        "settled_at": one.settled_at.isoformat() if one.settled_at else None,
    }


def _with_failures(one: DeliveryHistory) -> dict[str, Any]:
    failures = [{**asdict(attempt), "at": attempt.at.isoformat()} for attempt in one.attempts]
    return {**_delivery(one.delivery), "failures": failures}


def _progress(one: Progress) -> dict[str, Any]:
    standing = [{**asdict(each), "state": each.state.value} for each in one.standing]
    return {**asdict(one), "standing": standing}


def _route(one: RouteTrace) -> dict[str, Any]:
    return {
        "route": one.reason.route,
        "verdict": one.reason.verdict.value,
        "reason": str(one.reason),
        "conditions": [asdict(condition) for condition in one.conditions],
    }
