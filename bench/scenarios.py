"""Which receivers are measured with which objects, and what the ratios must be."""

from dataclasses import dataclass
from typing import Final

HILUM: Final = "hilum process"
HILUM_2: Final = "hilum process 2 workers"
HILUM_POWER: Final = "hilum power"
HILUM_POWER_2: Final = "hilum power 2 workers"
STORESCP: Final = ("storescp", "storescp NODELAY")
STORESCP_BIT: Final = ("storescp +B 128K", "storescp +B 128K NODELAY")
STORESCP_FORK: Final = ("storescp --fork NODELAY", "storescp --fork +B 128K NODELAY")
ORTHANC: Final = "orthanc tuned"
ORTHANC_DEFAULT: Final = "orthanc default"
ORTHANC_SYNC: Final = "orthanc tuned sync"
PYNETDICOM: Final = "pynetdicom storescp"
C_SINK: Final = "C sink"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One table: the same load for several receivers."""

    name: str
    receivers: tuple[str, ...]
    load: str  # a kind of objects (datasets.KINDS), or "echo" or "associations"
    associations: int = 1
    store: str = "memory"  # or "disk"
    sender: str = "generator"  # or "storescu"
    operations: int = 0  # of echoes or associations; 0: all objects of the kind

    @property
    def title(self) -> str:
        """Say it in words."""
        load = {"echo": "C-ECHO", "associations": "associate, C-ECHO, release"}.get(
            self.load, f"C-STORE {self.load}"
        )
        parallel = f"{self.associations} association{'s' if self.associations > 1 else ''}"
        sender = "" if self.sender == "generator" else f", sent by DCMTK {self.sender} (defaults)"
        return f"{load}, {parallel}, store in {self.store}{sender}"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that the product must reach: a ratio of medians, or a rate when `to` is empty.

    Of several peers the fastest counts: settings that help a peer are not held against it.
    """

    scenario: str
    of: str
    to: tuple[str, ...]
    at_least: float


def _name(load: str, associations: int, store: str) -> str:
    return f"{load} x{associations} {store}"


def _stores(load: str, associations: int, store: str, receivers: tuple[str, ...]) -> Scenario:
    return Scenario(_name(load, associations, store), receivers, load, associations, store)


# What the figures in the README stand on; a few minutes.
QUICK: Final = (
    _stores("ct", 1, "memory", (HILUM, ORTHANC, *STORESCP, *STORESCP_BIT, PYNETDICOM, C_SINK)),
    _stores("8kb", 1, "memory", (HILUM, ORTHANC, *STORESCP, *STORESCP_BIT, C_SINK)),
    _stores("200mb", 1, "memory", (HILUM, ORTHANC, *STORESCP_BIT, C_SINK)),
    _stores("ct", 8, "memory", (HILUM, HILUM_2)),
    _stores("8kb", 8, "memory", (HILUM, HILUM_2)),
    _stores("ct", 1, "disk", (HILUM_POWER, ORTHANC_SYNC)),
    _stores("ct", 8, "disk", (HILUM_POWER, ORTHANC_SYNC)),
    _stores("8kb", 1, "disk", (HILUM_POWER, ORTHANC_SYNC)),
    _stores("8kb", 8, "disk", (HILUM_POWER, ORTHANC_SYNC)),
    Scenario("associations x1", (HILUM, PYNETDICOM, C_SINK), "associations", operations=2000),
    Scenario("storescu 40kb", (HILUM, "storescp"), "40kb", sender="storescu"),
)

_SINGLE: Final = (HILUM, HILUM_POWER, ORTHANC, ORTHANC_DEFAULT, *STORESCP, *STORESCP_BIT, C_SINK)
# storescp serves one association at a time unless it forks, so --fork stands for it here.
_PARALLEL: Final = (HILUM, HILUM_2, HILUM_POWER, HILUM_POWER_2, ORTHANC, *STORESCP_FORK, C_SINK)
_DISK: Final = (HILUM, HILUM_POWER, HILUM_POWER_2, ORTHANC_SYNC, *STORESCP_FORK, C_SINK)

FULL: Final = (
    *(_stores(load, 1, "memory", (*_SINGLE, PYNETDICOM)) for load in ("ct", "mr", "8kb")),
    _stores("200mb", 1, "memory", (*_SINGLE, PYNETDICOM)),
    *(
        _stores(load, associations, "memory", _PARALLEL)
        for load in ("ct", "mr", "8kb")
        for associations in (4, 8)
    ),
    *(
        _stores(load, associations, "disk", _DISK)
        for load in ("ct", "mr", "8kb")
        for associations in (1, 4, 8)
    ),
    Scenario(
        "associations x1",
        (HILUM, ORTHANC, *STORESCP, PYNETDICOM, C_SINK),
        "associations",
        operations=2000,
    ),
    Scenario(
        "associations x4", (HILUM, HILUM_2, ORTHANC, C_SINK), "associations", 4, operations=4000
    ),
    Scenario("echo x1", (HILUM, ORTHANC, *STORESCP, PYNETDICOM, C_SINK), "echo", operations=10000),
    Scenario("storescu 40kb", (HILUM, HILUM_POWER, *STORESCP, ORTHANC), "40kb", sender="storescu"),
)

TARGETS: Final = (
    Target("ct x1 memory", HILUM, (ORTHANC,), 4.0),
    Target("ct x1 memory", HILUM, STORESCP, 1.0),
    Target("ct x1 memory", HILUM, (PYNETDICOM,), 8.0),
    Target("ct x1 memory", HILUM, (C_SINK,), 0.55),
    Target("8kb x1 memory", HILUM, (ORTHANC,), 7.0),
    Target("8kb x1 memory", HILUM, STORESCP, 1.2),
    Target("200mb x1 memory", HILUM, STORESCP_BIT, 1.0),
    Target("200mb x1 memory", HILUM, (ORTHANC,), 6.0),
    Target("ct x1 disk", HILUM_POWER, (ORTHANC_SYNC,), 1.5),
    Target("ct x8 disk", HILUM_POWER, (ORTHANC_SYNC,), 2.5),
    Target("8kb x1 disk", HILUM_POWER, (ORTHANC_SYNC,), 5.0),
    Target("8kb x8 disk", HILUM_POWER, (ORTHANC_SYNC,), 8.0),
    Target("ct x8 memory", HILUM_2, (HILUM,), 1.4),
    Target("8kb x8 memory", HILUM_2, (HILUM,), 1.4),
    Target("associations x1", HILUM, (), 2000.0),
    # "what DCMTK storescp takes from it": both with their defaults.
    Target("storescu 40kb", HILUM, ("storescp",), 20.0),
)
