"""Retention beside everything else: names that exist, terms that do not contradict each other."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hilum.pipeline.retention.settings import RetentionRuleSettings, RetentionSettings
from hilum.service.config_explain import nearest, shown
from hilum.service.config_finding import Finding
from hilum.service.config_positions import KeyPath
from hilum.service.config_settings import Config

_SECTION: Final = ("retention",)


def errors(config: Config, table: Mapping[str, Any]) -> Iterator[Finding]:
    """Find what cannot work. `table` is what was written: a peer with a mistake in it is one."""
    settings = config.retention
    yield from _terms(_SECTION, settings)
    if settings.clean_to_percent > settings.clean_percent:
        yield Finding(
            ((*_SECTION, "clean_to_percent"), (*_SECTION, "clean_percent")),
            f"cleaning would end above where it begins, at {settings.clean_percent} %",
            "Make clean_to_percent at most clean_percent",
        )
    routes = {route.name for route in config.routes} | _names_of_routes(table)
    peers = {*config.peers, *_keys(table.get("peers"))}
    for index, rule in enumerate(settings.rules):
        path = (*_SECTION, "rules", index)
        yield from _terms(path, rule)
        yield from _unknown((*path, "route"), rule.route, routes, "route")
        yield from _unknown((*path, "peer"), rule.peer, peers, "peer")
        yield from _scope(path, rule)


def warnings(config: Config) -> Iterator[Finding]:
    """Find what works but may not be meant."""
    settings = config.retention
    if settings.free_bytes is not None and settings.free_bytes <= config.gateway.reserve_bytes:
        yield Finding(
            ((*_SECTION, "free_bytes"), ("gateway", "reserve_bytes")),
            "stores are refused before anything is let go: the reserve is not smaller",
            "Make it larger than gateway.reserve_bytes",
        )
    if settings.copies_min > max(len(config.destinations), 1):
        yield Finding(
            ((*_SECTION, "copies_min"),),
            f"there are only {len(config.destinations)} destinations: nothing will ever go",
            "Lower it",
        )


def _terms(path: KeyPath, terms: RetentionSettings | RetentionRuleSettings) -> Iterator[Finding]:
    keep, at_least = terms.keep, terms.keep_at_least
    if keep is not None and at_least is not None and at_least > keep:
        yield Finding(
            ((*path, "keep_at_least"), (*path, "keep")),
            "it would be kept for longer when room is needed than when it is not",
            "Make keep_at_least at most keep",
        )


def _scope(path: KeyPath, rule: RetentionRuleSettings) -> Iterator[Finding]:
    if rule.nowhere and rule.route:
        yield Finding(
            ((*path, "nowhere"), (*path, "route")),
            "what was sent nowhere was sent by no route",
            "Remove one of the two",
        )
    if not (rule.route or rule.peer or rule.nowhere):
        yield Finding(
            (path, (*_SECTION, "rules")),
            "a rule for everything",
            "Say it in [retention] itself, or add route, peer or nowhere",
        )
    if rule.for_ever and (rule.keep is not None or rule.keep_at_least is not None):
        key = "keep" if rule.keep is not None else "keep_at_least"
        yield Finding(
            ((*path, key), (*path, "for_ever")),
            "a time beside for_ever, which is longer",
            "Remove one of the two",
        )


def _unknown(
    path: KeyPath, names: tuple[str, ...], known: set[str], noun: str
) -> Iterator[Finding]:
    for name in names:
        if name not in known:
            guess = nearest(name, known)
            there = ", ".join(sorted(known)) or "none"
            remedy = f"Did you mean {shown(guess)}?" if guess else f"There are: {there}"
            # One rule may stand there by itself, without a list.
            alone = tuple(key for key in path if not isinstance(key, int))
            yield Finding((path, alone), f"there is no {noun} {shown(name)}", remedy)


def _keys(section: object) -> set[str]:
    return set(section) if isinstance(section, Mapping) else set()


def _names_of_routes(table: Mapping[str, Any]) -> set[str]:
    routes = table.get("routes")
    if not isinstance(routes, list | tuple):
        return set()
    found = [route.get("name") for route in routes if isinstance(route, Mapping)]
    return {name for name in found if isinstance(name, str)}
