"""All routes, read and ready to be asked: what each wants, and what all of them need to know."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from typing import Final

from hilum.routing.calendar import Calendar
from hilum.routing.conditions import Condition, Moment
from hilum.routing.facts import HEADER_VRS, AssociationFacts, Elements
from hilum.routing.faults import Faults
from hilum.routing.keys import AttributeWay
from hilum.routing.known import Known
from hilum.routing.reasons import Reason, failed, fired, switched_off
from hilum.routing.settings import GatherSettings, On, Priority, RouteSettings
from hilum.routing.shadows import find_shadows
from hilum.routing.targets import Target, read_targets
from hilum.routing.values import written
from hilum.routing.when import read_when

ROUTES_MAX: Final = 1000
# Associations whose routes are remembered; a peer has few titles, and strangers are turned away.
_VIEWS_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class Route:
    """A route as it is asked. Hot: its reasons are made once, for they hold no values."""

    name: str
    conditions: tuple[Condition, ...]
    targets: tuple[Target, ...]
    on: On
    priority: Priority
    steps: tuple[str, ...]
    between: Calendar | None
    stop: bool
    enabled: bool
    gather: GatherSettings
    fired: Reason

    @property
    def association_conditions(self) -> tuple[Condition, ...]:
        """Those that are the same for everything that comes over one association."""
        return tuple(one for one in self.conditions if one.is_of_association)

    @property
    def instance_conditions(self) -> tuple[tuple[Condition, Reason], ...]:
        """The others, each with the reason when it does not hold."""
        others = (one for one in self.conditions if not one.is_of_association)
        return tuple((one, failed(self.name, one.key)) for one in others)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route as one association sees it: judged already (`verdict`), or by what is left to ask."""

    route: Route
    verdict: Reason | None
    conditions: tuple[tuple[Condition, Reason], ...]


@dataclass(slots=True)
class Routes:
    """All routes in their order.

    `tags_wanted` are attributes the header scanner has to keep besides its own; `needs_data_set`
    says that some condition asks for more than a header has.
    """

    routes: tuple[Route, ...] = ()
    tags_wanted: frozenset[int] = frozenset()
    needs_data_set: bool = False
    zone: tzinfo = UTC
    _views: dict[AssociationFacts, tuple[Candidate, ...]] = field(default_factory=dict)

    def opening_of(self, name: str, now: datetime) -> datetime:
        """Give when what a route sends may start, from `now` on; at once if there is none such."""
        for route in self.routes:
            if route.name == name and route.between is not None:
                return route.between.next_opening(now, self.zone)
        return now

    def seen_by(self, moment: Moment) -> tuple[Candidate, ...]:
        """Give the routes as the association of an instance sees them; remembered."""
        association = moment.facts.association
        view = self._views.get(association)
        if view is None:
            if len(self._views) >= _VIEWS_MAX:
                self._views.clear()
            view = tuple(_candidate(route, moment.facts, moment) for route in self.routes)
            self._views[association] = view
        return view


def _candidate(route: Route, elements: Elements, moment: Moment) -> Candidate:
    if not route.enabled:
        return Candidate(route, switched_off(route.name), ())
    for condition in route.association_conditions:
        if not condition.holds(elements, moment):
            return Candidate(route, failed(route.name, condition.key), ())
    return Candidate(route, None, route.instance_conditions)


def read_routes(
    settings: Sequence[RouteSettings], known: Known, zone: tzinfo
) -> tuple[Routes, Faults]:
    """Read all routes; with errors among the faults they are not to be used."""
    faults = Faults()
    ways: list[AttributeWay] = []
    routes = []
    names: set[str] = set()
    if len(settings) > ROUTES_MAX:
        faults.error(("routes",), f"there are more than {ROUTES_MAX} routes")
    for index, one in enumerate(settings[:ROUTES_MAX]):
        if one.name in names:
            message = f"there is a route {written(one.name)} above already"
            faults.error(("routes", index, "name"), message, "Give each a name of its own")
        names.add(one.name)
        routes.append(_route(one, index, known, faults, ways))
    for fault in find_shadows(settings):
        faults.found.append(fault)
    tags = frozenset(way.steps[0].tag for way in ways if is_in_header(way))
    needs_data_set = not all(map(is_in_header, ways))
    return Routes(tuple(routes), tags, needs_data_set, zone), faults


def _route(
    settings: RouteSettings, index: int, known: Known, faults: Faults, ways: list[AttributeWay]
) -> Route:
    path = ("routes", index)
    reading = read_when(settings.when, (*path, "when"), known, faults)
    ways += reading.attributes
    targets = read_targets(settings.to, (*path, "to"), known, faults)
    _check_use(settings, index, faults)
    _check_steps(settings, index, known, faults)
    return Route(
        name=settings.name,
        conditions=reading.conditions,
        targets=targets,
        on=settings.on,
        priority=settings.priority,
        steps=tuple(str(step) for step in settings.then),
        between=settings.between,
        stop=settings.stop,
        enabled=settings.enabled,
        gather=settings.gather or GatherSettings(),
        fired=fired(settings.name),
    )


def _check_use(settings: RouteSettings, index: int, faults: Faults) -> None:
    """Refuse routes and settings that do nothing."""
    if not settings.to and not settings.stop:
        message = "the route sends nowhere"
        remedy = 'Add to = ["…"]; stop = true keeps instances from the routes below'
        faults.error(("routes", index), message, remedy)
    if settings.gather is not None and settings.on == "instance":
        message = 'with on = "instance" nothing is gathered, so gather does nothing'
        faults.error(("routes", index, "gather"), message, 'Write on = "series" or on = "study"')
    elif settings.gather is not None:
        gather = settings.gather
        if gather.forced_after <= gather.quiet_seconds:
            message = "it is forced before it could count as quiet"
            remedy = "Make forced_after longer than quiet_seconds"
            faults.error(("routes", index, "gather", "forced_after"), message, remedy)


def _check_steps(settings: RouteSettings, index: int, known: Known, faults: Faults) -> None:
    for position, step in enumerate(settings.then):
        if isinstance(step, str) and step in known.steps:
            continue
        near = get_close_matches(str(step)[:64], known.steps, n=1)
        there = f"There are: {', '.join(sorted(known.steps))}"
        none = "This version has no steps: remove then, instances go out as they came in"
        remedy = f"Did you mean {near[0]}?" if near else there if known.steps else none
        faults.error(
            ("routes", index, "then", position), f"there is no step {written(step)}", remedy
        )


def is_in_header(way: AttributeWay) -> bool:
    """Tell whether the header scanner can keep the attribute, so that no data set is needed."""
    first, *others = way.steps
    return not others and not first.creator and first.vr in HEADER_VRS
