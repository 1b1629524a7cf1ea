"""Entities: the faces of the gateway, as its doors see them.

`service/` builds them of the configuration and builds them anew on a reload; what is under way
keeps the one it began with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hilum.pipeline.archive.ports import Archive
from hilum.query.via import Via

# What can be open at an entity; `web` is its DICOMweb root with all that its archive can do there.
Service = Literal["echo", "store", "find", "move", "get", "commit", "web"]
# How what an answerer says is told in the other language: the standards' codes, or a published
# table that some sites rely on.
StatusProfile = Literal["standard", "harmony"]


@dataclass(frozen=True, slots=True)
class Entity:
    """One face. `name` is its section in the configuration; the default one has the AE title.

    `through`: the destination that has to have an instance before a store is answered; "": stores
    are kept here, and routed. `pseudonym`: what it is called where gateways tell each other who has
    asked (`query.via`); "": it asks nobody.
    """

    name: str
    ae_title: str
    services: frozenset[Service]
    archive: Archive
    through: str = ""
    status_profile: StatusProfile = "standard"
    pseudonym: str = ""

    def asked_via(self, via: Via) -> Via:
        """Give through whom a question has come, when it has come here."""
        return (*via, self.pseudonym) if self.pseudonym else via


@dataclass(frozen=True, slots=True)
class Entities:
    """All of them, by AE title. `default` answers to whatever title is no other one's."""

    default: Entity
    by_title: Mapping[str, Entity]

    def of(self, ae_title: str) -> Entity:
        """Give the entity that was called."""
        return self.by_title.get(ae_title, self.default)
