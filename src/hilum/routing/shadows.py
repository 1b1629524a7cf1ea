"""Routes that can never fire, because one above them takes everything they could."""

from collections.abc import Iterator, Sequence

from hilum.routing.faults import Fault
from hilum.routing.settings import RouteSettings


def find_shadows(routes: Sequence[RouteSettings]) -> Iterator[Fault]:
    """Warn of each route that one above it, with stop, leaves nothing to do."""
    stopping: list[RouteSettings] = []
    for index, route in enumerate(routes):
        if not route.enabled:
            continue
        above = next((one for one in stopping if _covers(one, route)), None)
        if above is not None:
            why = "always" if not above.when else "whenever this one could"
            message = f"it never fires: {above.name} above fires {why}, and stops"
            remedy = f"Put it above {above.name}, or remove stop there"
            yield Fault(("routes", index, "name"), message, remedy, is_warning=True)
        elif route.stop:
            stopping.append(route)


def _covers(above: RouteSettings, route: RouteSettings) -> bool:
    """Tell whether every condition of `above` is one of `route` too, word for word."""
    return all(key in route.when and route.when[key] == above.when[key] for key in above.when)
