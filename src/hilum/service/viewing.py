"""What the pages for people show: the default entity at first, and the others to choose from."""

from collections.abc import Mapping
from pathlib import Path

from starlette.types import ASGIApp

from hilum.console.pages import pages_of
from hilum.dicomweb.percent import encoded
from hilum.service.config_entities import title_of
from hilum.service.config_settings import Config
from hilum.sources.web.assembly import ENTITIES
from hilum.sources.web.door import ROOT


def pages_for(config: Config, data: Path) -> dict[str, ASGIApp]:
    """Give the pages by their paths; `data` is the data folder."""
    return pages_of(data, dicomweb=ROOT, others=other_roots(config))


def other_roots(config: Config) -> Mapping[str, str]:
    """Give the DICOMweb roots that are open beside the default one, by AE title."""
    titles = [
        title_of(name, entity)
        for name, entity in config.entities.items()
        if "web" in entity.services
    ]
    ours = config.gateway.ae_title
    return {one: f"{ENTITIES}/{encoded(one)}/rs" for one in sorted(titles) if one != ours}
