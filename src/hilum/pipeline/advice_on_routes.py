"""Advice on an instance that no route sends anywhere."""

from collections.abc import Iterator, Sequence

from hilum.pipeline.advice import Advice, plural
from hilum.pipeline.explanation import Explanation
from hilum.routing.plan import RouteTrace
from hilum.routing.reasons import Verdict


def on_routes(found: Explanation) -> Iterator[Advice]:
    """Say why nothing is sent at all."""
    if found.planned is None or found.deliveries:
        return
    if found.planned.deliveries:
        if found.held:
            goes = ", ".join(str(one.target) for one in found.planned.deliveries)
            yield Advice(
                f"no delivery was planned when it came; by the routes of now it goes to {goes}",
                "Let the sender send it again: what is held already is planned by the routes of "
                "then",
            )
        return
    if not found.traces:
        yield Advice(
            "there are no routes, so nothing is sent anywhere",
            "If it should be: add [destinations.NAME] and [[routes]] (`hilum init` shows how)",
        )
        return
    yield _unrouted(found.traces)


def _unrouted(traces: Sequence[RouteTrace]) -> Advice:
    stopped = [one.reason.route for one in traces if one.reason.verdict is Verdict.STOPPED]
    by = next((one.reason.by for one in traces if one.reason.verdict is Verdict.STOPPED), "")
    if by:
        return Advice(
            f"route {by} fired and stops the routes below it: {', '.join(stopped)}",
            f"Right if it is meant to stay here. Otherwise change the conditions of {by}, take its "
            "`stop` away, or put the other route above it",
        )
    failed = [one for one in traces if one.reason.verdict is Verdict.FAILED]
    if failed:
        return _nearest(min(failed, key=_distance))
    off = [one.reason.route for one in traces if one.reason.verdict is Verdict.SWITCHED_OFF]
    if off:
        return Advice(
            f"no route fired: {', '.join(off)} {plural(len(off), 'is', 'are')} switched off",
            f"If it is meant to go: enabled = true in route {off[0]}",
        )
    fired = next(one.reason.route for one in traces)
    return Advice(
        f"route {fired} fired and sends nothing anywhere", f"Add `to` to route {fired} if it should"
    )


def _nearest(nearest: RouteTrace) -> Advice:
    name = nearest.reason.route
    said = "; ".join(
        f"{one.key} is {', '.join(one.actual) or 'absent'}, wanted {one.wanted or 'otherwise'}"
        for one in nearest.conditions
        if not one.holds
    )
    return Advice(
        f"no route fired; the nearest is {name}: {said}",
        f"Change that condition of route {name} if this instance is meant; `hilum routes test` "
        "tries it",
    )


def _distance(route: RouteTrace) -> tuple[int, int]:
    """Tell how far a route is from firing: what does not hold counts first, then what does."""
    missed = sum(not condition.holds for condition in route.conditions)
    return missed, missed - len(route.conditions)
