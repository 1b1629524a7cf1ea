"""Rules of prefetching beside everything else: places that exist and can be asked, own names."""

from collections.abc import Iterator, Mapping
from typing import Any

from hilum.pipeline.prefetch.settings import PrefetchWhen
from hilum.service.config_entities import LOCAL, title_of
from hilum.service.config_entity_checks import ANSWERING
from hilum.service.config_explain import nearest, shown
from hilum.service.config_finding import Finding
from hilum.service.config_positions import KeyPath
from hilum.service.config_routes import known_names
from hilum.service.config_settings import Config


def errors(config: Config, table: Mapping[str, Any]) -> Iterator[Finding]:
    """Find what cannot work. `table` is what was written: a destination with a mistake is one."""
    seen: set[str] = set()
    destinations = known_names(config, table).destinations or frozenset()
    for index, rule in enumerate(config.prefetch):
        path: KeyPath = ("prefetch", index)
        if rule.name in seen:
            yield Finding(((*path, "name"),), f"there is a rule {rule.name} before this", "Rename")
        seen.add(rule.name)
        yield from _source(config, (*path, "from"), rule.source, destinations)


def warnings(config: Config) -> Iterator[Finding]:
    """Find what works but may not be meant."""
    if config.prefetch and not config.fetch.prefetch_at_once:
        yield Finding(
            (("fetch", "prefetch_at_once"), ("prefetch", 0)),
            "nothing is prefetched, whatever rules there are",
            "Make it 1, or remove the rules",
        )
    for index, rule in enumerate(config.prefetch):
        if "find" not in rule.on and rule.when != PrefetchWhen():
            yield Finding(
                (("prefetch", index, "when"), ("prefetch", index)),
                "when is about a search, and no search sets this rule off",
                'Remove when, or add "find" to on',
            )


def _source(
    config: Config, path: KeyPath, name: str, destinations: frozenset[str]
) -> Iterator[Finding]:
    entities = {**config.entities}
    entities |= {title_of(key, one): one for key, one in config.entities.items()}
    if name in entities:
        if entities[name].is_local:
            yield Finding((path,), f"{name} has only what is held here", "Name another place")
    elif name == LOCAL:
        yield Finding((path,), "what is held here need not be fetched", "Name another place")
    elif name not in destinations:
        known = (*destinations, *entities)
        guess = nearest(name, known)
        there = f"There are: {', '.join(sorted(known))}" if known else "Add a destination"
        remedy = f"Did you mean {guess}?" if guess else there
        yield Finding((path,), f"there is no destination or entity {shown(name)}", remedy)
    elif name in config.destinations and not isinstance(config.destinations[name], ANSWERING):
        kind = config.destinations[name].type
        remedy = "Name a destination that is dimse or dicomweb"
        yield Finding((path,), f"the {kind} {name} cannot be asked for anything", remedy)
