"""The entities of a configuration in words: who answers at each, and what becomes of stores."""

from collections.abc import Iterator
from typing import Final

from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.service.config_entities import LOCAL, SERVICES, EntitySettings, members_of, title_of
from hilum.service.config_settings import Config

_ASKING: Final = frozenset({"find", "move", "get", "web"})


def entity_words(config: Config) -> Iterator[str]:
    """Give a line for each entity that is configured."""
    for name, entity in config.entities.items():
        title = title_of(name, entity)
        default = " (the default entity)" if title == config.gateway.ae_title else ""
        yield f"{title}{default}: {'; '.join(_clauses(config, entity))}"


def _clauses(config: Config, entity: EntitySettings) -> Iterator[str]:
    if not entity.services:
        yield "nothing is open"
        return
    if not entity.services.isdisjoint(_ASKING):
        yield f"answers from {', then '.join(_places(config, entity))}"
        if len(entity.answers) > 1 and entity.partial == "fail":
            yield "fails unless all of them answer"
    if "store" in entity.services or "web" in entity.services:
        yield f"stores through {entity.through}" if entity.through else "keeps what is stored"
    if entity.services != SERVICES:
        yield f"only {', '.join(one for one in sorted(entity.services))}"
    if entity.status_profile != "standard":
        yield f"statuses by the profile {entity.status_profile}"


def _places(config: Config, entity: EntitySettings) -> Iterator[str]:
    for place in entity.answers:
        yield " or ".join(_who(config, name) for name in members_of(place))


def _who(config: Config, name: str) -> str:
    match config.destinations.get(name):
        case DimseDestinationSettings() as one:
            return f"{name} (DIMSE, {one.ae_title} at {one.host}:{one.port})"
        case DicomWebDestinationSettings() as one:
            return f"{name} (DICOMweb, {one.url})"
    return "what is held here" if name == LOCAL else name
