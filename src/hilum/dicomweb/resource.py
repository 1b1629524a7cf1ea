"""What a request of DICOMweb is about, as values (PS3.18 §10.1, §10.4.1, §10.6.1).

Nothing here knows whether it exists.
"""

from dataclasses import dataclass
from enum import Enum

from hilum.dicom.bulk import BulkPath


class Entity(Enum):
    """What is searched for or named; values are the names of levels in DIMSE."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    INSTANCE = "IMAGE"


@dataclass(frozen=True, slots=True)
class Place:
    """The UIDs that a path names; "" where it names none.

    Of flat paths (`/series/{uid}`) those above are missing.
    """

    study: str = ""
    series: str = ""
    instance: str = ""

    @property
    def entity(self) -> Entity | None:
        """What it is one of; None: it names nothing."""
        if self.instance:
            return Entity.INSTANCE
        if self.series:
            return Entity.SERIES
        return Entity.STUDY if self.study else None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is there at all (PS3.18 §8.9)."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which methods a resource takes: the answer to OPTIONS."""

    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """QIDO-RS; `within`: what the path narrows it to."""

    entity: Entity
    within: Place


@dataclass(frozen=True, slots=True)
class Store:
    """STOW-RS; `study`: the one that every instance must belong to, "" any."""

    study: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Take away a study, series or instance."""

    place: Place


@dataclass(frozen=True, slots=True)
class RetrieveInstances:
    """Whole instances."""

    place: Place


@dataclass(frozen=True, slots=True)
class RetrieveMetadata:
    """Data sets without their bulk data."""

    place: Place


@dataclass(frozen=True, slots=True)
class RetrieveFrames:
    """Pixels of frames, numbered from 1, in the order that was asked for."""

    place: Place
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RetrieveBulk:
    """One value of an instance, where a BulkDataURI points."""

    place: Place
    path: BulkPath


@dataclass(frozen=True, slots=True)
class RetrieveAllBulk:
    """Every bulk value of instances (PS3.18 §10.4.1.1.5)."""

    place: Place


@dataclass(frozen=True, slots=True)
class RetrievePixels:
    """All pixels of instances (PS3.18 §10.4.1.1.6)."""

    place: Place


@dataclass(frozen=True, slots=True)
class RetrieveRendered:
    """Pictures; no `frames`: all of them."""

    place: Place
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RetrieveThumbnail:
    """One small picture that stands for it."""

    place: Place
    frames: tuple[int, ...] = ()


Resource = (
    Capabilities
    | Allowed
    | Search
    | Store
    | Delete
    | RetrieveInstances
    | RetrieveMetadata
    | RetrieveFrames
    | RetrieveBulk
    | RetrieveAllBulk
    | RetrievePixels
    | RetrieveRendered
    | RetrieveThumbnail
)
