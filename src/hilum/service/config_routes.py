"""Routes and destinations beside each other: names that exist, rates that limit, no circles."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.destinations.settings import DestinationSettings
from hilum.pipeline.doors import DIMSE, FETCH, FOLDER, WEB
from hilum.routing.known import Known
from hilum.routing.routes import Routes, read_routes
from hilum.routing.targets import GROUP_KEYS
from hilum.service.config_entities import titles_of
from hilum.service.config_finding import Finding
from hilum.service.config_ourselves import is_this_gateway
from hilum.service.config_settings import Config

# The doors that things come in by, as conditions on `source` name them.
SOURCES: Final = frozenset((DIMSE, FETCH, FOLDER, WEB))


@dataclass(frozen=True, slots=True)
class RouteFindings:
    """What cannot work, and what is hardly meant."""

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def findings(config: Config, table: Mapping[str, Any], *, is_whole: bool) -> RouteFindings:
    """Judge routes and destinations.

    `table` is what was written: a destination with a mistake in it is still one to send to. Unless
    the configuration `is_whole`, nothing is said of what is not used.
    """
    _, faults = read_routes(config.routes, known_names(config, table), UTC)
    errors = [
        Finding((fault.path,), fault.message, fault.remedy)
        for fault in faults.found
        if not fault.is_warning
    ]
    warnings = [
        Finding((fault.path,), fault.message, fault.remedy)
        for fault in faults.found
        if fault.is_warning
    ]
    for name, destination in config.destinations.items():
        errors += _pace(name, destination)
        warnings += _circle(config, name, destination)
    if is_whole and not errors:
        warnings += _unused(config)
    return RouteFindings(tuple(errors), tuple(warnings))


def routes_of(config: Config, zone: tzinfo) -> Routes:
    """Give the routes of a configuration without errors, ready to be asked."""
    routes, _ = read_routes(config.routes, known_names(config, {}), zone)
    return routes


def known_names(config: Config, table: Mapping[str, Any]) -> Known:
    """Give the names that routes may use."""
    dimse = config.sources.dimse
    entities = titles_of(config.entities) | {config.gateway.ae_title}
    ours = entities | {*dimse.called_ae_titles}
    return Known(
        destinations=frozenset(config.destinations) | _keys(table, "destinations"),
        peers=frozenset(config.peers) | _keys(table, "peers"),
        entities=entities,
        sources=SOURCES,
        ae_titles=ours if dimse.check_called_ae_title else None,
    )


def _keys(table: Mapping[str, Any], section: str) -> frozenset[str]:
    found = table.get(section, {})
    return frozenset(found) if isinstance(found, Mapping) else frozenset()


def _pace(name: str, destination: DestinationSettings) -> Iterator[Finding]:
    """Find rates that limit nothing and waits that shrink."""
    path = ("destinations", name)
    for index, rate in enumerate(destination.rate):
        if rate.bytes_per_second is None and rate.instances_per_second is None:
            yield Finding(
                ((*path, "rate", index), (*path, "rate")),
                "a rate that limits nothing",
                "Add bytes_per_second or instances_per_second",
            )
    retry = destination.retry
    if retry.longest_seconds < retry.first_seconds:
        yield Finding(
            ((*path, "retry", "longest_seconds"), (*path, "retry", "first_seconds")),
            "the longest wait is shorter than the first",
            "Make longest_seconds at least first_seconds",
        )


def _circle(config: Config, name: str, destination: DestinationSettings) -> Iterator[Finding]:
    """Find a destination that is ourselves: what it gets comes in again."""
    if is_this_gateway(config, destination):
        keys = ("port", "host") if isinstance(destination, DimseDestinationSettings) else ("url",)
        yield Finding(
            tuple(("destinations", name, key) for key in keys),
            "this is the gateway itself: what it sends there comes in again",
            f"Correct {' or '.join(sorted(keys))}, or remove the destination",
        )


def sent_to(config: Config) -> frozenset[str]:
    """Name the destinations that routes send to."""
    return frozenset(name for route in config.routes for to in route.to for name in _names(to))


def _unused(config: Config) -> Iterator[Finding]:
    """Find destinations that no route sends to, and nobody else uses."""
    used = set(sent_to(config))
    for entity in config.entities.values():
        used |= {*entity.names, entity.through}
    used |= {rule.source for rule in config.prefetch}
    for name in config.destinations:
        if name not in used:
            yield Finding(
                (("destinations", name),),
                "no route sends here",
                f'Add a route with to = ["{name}"], or remove the destination',
            )


def _names(target: object) -> Iterator[str]:
    if isinstance(target, str):
        yield target
    elif isinstance(target, Mapping):
        for key in GROUP_KEYS:
            members = target.get(key, ())
            if isinstance(members, list | tuple):
                yield from (name for name in members if isinstance(name, str))
