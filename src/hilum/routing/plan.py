"""From the facts of an instance to what must be done with it, and why: pure and fast."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from hilum.routing.conditions import Moment, Trace
from hilum.routing.facts import Facts
from hilum.routing.reasons import Reason, stopped, with_remarks
from hilum.routing.routes import Candidate, Route, Routes
from hilum.routing.settings import GatherSettings, On, Priority
from hilum.routing.targets import Target

# The more urgent one first: where two routes send to one destination, it is the lesser.
_ON: Final = ("instance", "series", "study")
_PRIORITIES: Final = ("stat", "routine", "bulk")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that must get somewhere. `due_at`: not before; None: at once.

    With `on` a series or study it waits for that to be complete, as `gather` says, and then for
    `due_at`.
    """

    target: Target
    route: str
    on: On
    priority: Priority
    steps: tuple[str, ...]
    due_at: datetime | None
    gather: GatherSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with an instance, and for every route in its order why it fired or did not."""

    deliveries: tuple[Delivery, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class RouteTrace:
    """A route with all its conditions and the values they met. For a terminal, never for a log."""

    reason: Reason
    conditions: tuple[Trace, ...]


def plan(routes: Routes, facts: Facts, now: datetime) -> Plan:
    """Decide where an instance goes. `now` is aware; never raises for what is in the instance."""
    moment = Moment(facts, now, routes.zone)
    deliveries: dict[tuple[Target, tuple[str, ...]], Delivery] = {}
    reasons: list[Reason] = []
    stopped_by = ""
    for candidate in routes.seen_by(moment):
        if stopped_by and candidate.route.enabled:
            reasons.append(stopped(candidate.route.name, stopped_by))
            continue
        reason = _judge(candidate, facts, moment)
        if reason is None:
            reason = _fire(candidate.route, moment, deliveries)
            if candidate.route.stop:
                stopped_by = candidate.route.name
        reasons.append(reason)
    return Plan(tuple(deliveries.values()), tuple(reasons))


def _judge(candidate: Candidate, facts: Facts, moment: Moment) -> Reason | None:
    """Give why a route does not fire; None: it does."""
    if candidate.verdict is not None:
        return candidate.verdict
    for condition, reason in candidate.conditions:
        if not condition.holds(facts, moment):
            return reason
    return None


def _fire(
    route: Route, moment: Moment, deliveries: dict[tuple[Target, tuple[str, ...]], Delivery]
) -> Reason:
    """Add what a route sends; where another sends the same there already, take the urgent one."""
    due_at = None
    if route.between is not None and not route.between.is_open(moment.now, moment.zone):
        due_at = route.between.next_opening(moment.now, moment.zone)
    shared = []
    for target in route.targets:
        key = (target, route.steps)
        made = Delivery(
            target, route.name, route.on, route.priority, route.steps, due_at, route.gather
        )
        if key in deliveries:
            shared.append(str(target))
            made = more_urgent(deliveries[key], made)
        deliveries[key] = made
    if due_at is None and not shared:
        return route.fired
    return with_remarks(route.fired, due_at, tuple(shared))


def more_urgent(first: Delivery, second: Delivery) -> Delivery:
    """Make one of two deliveries to the same place: of `first`, as soon as either would be."""
    on = min(first, second, key=lambda one: _ON.index(one.on))
    dues = [one.due_at for one in (first, second)]
    return replace(
        first,
        on=on.on,
        gather=on.gather,
        priority=min(first.priority, second.priority, key=_PRIORITIES.index),
        due_at=None if None in dues else min(due for due in dues if due is not None),
    )


def trace(routes: Routes, facts: Facts, now: datetime) -> tuple[RouteTrace, ...]:
    """Show every condition of every route with the values it met, also behind a stop."""
    moment = Moment(facts, now, routes.zone)
    reasons = plan(routes, facts, now).reasons
    return tuple(
        RouteTrace(reason, tuple(one.trace(facts, moment) for one in route.conditions))
        for route, reason in zip(routes.routes, reasons, strict=True)
    )
