"""What archives are asked, of how many studies, and what must come of it."""

from dataclasses import dataclass
from typing import Final

from bench.archives import DCMQRSCP, HILUM, HILUM_POWER, ORTHANC
from bench.scenarios import Bound, Target

FIRST_ANSWERS: Final = 100
# Images of the study that is retrieved.
IMAGES: Final = 200


@dataclass(frozen=True, slots=True)
class Searching:
    """One table: the same searches for several archives."""

    topic: str  # of questions.searches
    protocol: str  # "find" or "qido"
    studies: int
    receivers: tuple[str, ...]
    connections: int = 1
    is_limited: bool = False  # the first answers only

    @property
    def name(self) -> str:
        """Name it in a few letters."""
        many = f" x{self.connections}" if self.connections > 1 else ""
        first = " first" if self.is_limited else ""
        return f"{self.protocol} {self.topic}{first} {self.studies // 1000}k{many}"

    @property
    def title(self) -> str:
        """Say it in words."""
        protocol = {"find": "C-FIND", "qido": "QIDO-RS"}[self.protocol]
        several = f", {self.connections} connections" if self.connections > 1 else ""
        first = f", the first {FIRST_ANSWERS} answers" if self.is_limited else ""
        return f"{protocol} by {self.topic}{first}, {self.studies:,} studies{several}"


@dataclass(frozen=True, slots=True)
class Retrieving:
    """One table: the same retrievals from several archives."""

    name: str
    title: str
    receivers: tuple[str, ...]
    operations: int
    instances: int = 1  # that each operation is about


_SIDES: Final = (HILUM, HILUM_POWER, ORTHANC)
_OURS: Final = (HILUM, HILUM_POWER)
_TOPICS: Final = ("patient", "accession", "name", "week")
_BESIDE: Final = 20_000
_SMALL, _LARGE = 10_000, 100_000
_FIRST: Final = (("patient", False), ("accession", False), ("common name", True), ("year CT", True))

BESIDE: Final = (
    *(Searching(topic, "find", _BESIDE, _SIDES) for topic in _TOPICS),
    *(Searching(topic, "qido", _BESIDE, _SIDES) for topic in _TOPICS),
    Searching("patient", "qido", _BESIDE, _SIDES, connections=8),
    Searching("accession", "qido", _BESIDE, _SIDES, connections=8),
    Searching("everything", "qido", _BESIDE, _SIDES, is_limited=True),
    Searching("year", "qido", _BESIDE, _SIDES),
)
SCALE: Final = tuple(
    Searching(topic, protocol, studies, _OURS, is_limited=is_limited)
    for protocol in ("find", "qido")
    for topic, is_limited in _FIRST
    for studies in (_SMALL, _LARGE)
)
SEARCHES: Final = (*BESIDE, *SCALE)

_ALL: Final = (HILUM, ORTHANC, DCMQRSCP)
_WEB: Final = (HILUM, ORTHANC)
RETRIEVALS: Final = (
    Retrieving("get", "C-GET of a study, 200 CT", _ALL, 5, IMAGES),
    Retrieving("move", "C-MOVE of a study, 200 CT, to a C sink", _ALL, 5, IMAGES),
    Retrieving(
        "move storescp",
        "C-MOVE of a study, 200 CT, to DCMTK storescp (defaults)",
        _ALL,
        1,
        IMAGES,
    ),
    Retrieving("wado study", "WADO-RS of a study, 200 CT as stored", _WEB, 8, IMAGES),
    Retrieving("wado instance", "WADO-RS of single instances, CT as stored", _WEB, 400),
    Retrieving("wado frame", "WADO-RS of single frames, CT", _WEB, 400),
    Retrieving("metadata", "WADO-RS metadata of a study, 200 CT", _WEB, 8, IMAGES),
    Retrieving("stow 1", "STOW-RS, 1 CT a request", _WEB, 200),
    Retrieving("stow 50", "STOW-RS, 50 CT a request", _WEB, 4, 50),
)

_ANSWER_MILLISECONDS_MAX: Final = 20.0
# From the small stock to the large one a search takes so many times as long at most.
_GROWTH_MAX: Final = 1.5

TARGETS: Final[tuple[Target | Bound, ...]] = (
    *(
        Bound(one.name, HILUM, "p99_us", _ANSWER_MILLISECONDS_MAX * 1e3)
        for one in SCALE
        if one.studies == _LARGE
    ),
    *(
        Target(large.name, HILUM, (HILUM,), round(1 / _GROWTH_MAX, 2), against=small.name)
        for small, large in zip(SCALE[::2], SCALE[1::2], strict=True)
    ),
    *(Target(f"find {topic} 20k", HILUM, (ORTHANC,), 8) for topic in _TOPICS),
    *(Target(f"qido {topic} 20k", HILUM, (ORTHANC,), 8) for topic in _TOPICS),
    *(Target(f"qido {topic} 20k x8", HILUM, (ORTHANC,), 15) for topic in ("patient", "accession")),
    Target("qido everything first 20k", HILUM, (ORTHANC,), 15),
    Target("qido year 20k", HILUM, (ORTHANC,), 15),
    Target("get", HILUM, (ORTHANC, DCMQRSCP), 1.1),
    Target("move", HILUM, (ORTHANC, DCMQRSCP), 1.1),
    Target("move storescp", HILUM, (ORTHANC,), 10),
    Target("wado study", HILUM, (ORTHANC,), 1.1),
    Target("wado instance", HILUM, (ORTHANC,), 2),
    Target("wado frame", HILUM, (ORTHANC,), 2),
    Target("metadata", HILUM, (ORTHANC,), 10),
    Target("stow 1", HILUM, (ORTHANC,), 4),
    Target("stow 50", HILUM, (ORTHANC,), 4),
)
