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
    operations: int = 0  # of echoes or associations, or of objects; 0: all objects of the kind
    # What everything is sent on to: kinds of sinks (forwarding.Sink). The last arrival there ends
    # the time.
    sinks: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Say it in words."""
        load = {"echo": "C-ECHO", "associations": "associate, C-ECHO, release"}.get(
            self.load, f"C-STORE {self.load}"
        )
        parallel = f"{self.associations} association{'s' if self.associations > 1 else ''}"
        sender = "" if self.sender == "generator" else f", sent by DCMTK {self.sender} (defaults)"
        return f"{load}, {parallel}, store in {self.store}{sender}{self._onward}"

    @property
    def _onward(self) -> str:
        if not self.sinks:
            return ""
        count = f"{self.operations:,} instances " if self.operations else ""
        many = f"{len(self.sinks)} C sinks" if len(self.sinks) > 1 else "a C sink"
        way = {"dimse": "C-STORE", "stow": "STOW-RS"}[self.sinks[0]]
        return f", {count}sent on to {many} over {way}"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that the product must reach: a ratio of medians, or a rate when `to` is empty.

    Of several peers the fastest counts: settings that help a peer are not held against it.
    """

    scenario: str
    of: str
    to: tuple[str, ...]
    at_least: float
    against: str = ""  # another scenario that `to` was measured in


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure of the product that must not be larger."""

    scenario: str
    of: str
    key: str  # of a result, in microseconds
    at_most: float


def _name(load: str, associations: int, store: str) -> str:
    return f"{load} x{associations} {store}"


def _stores(load: str, associations: int, store: str, receivers: tuple[str, ...]) -> Scenario:
    return Scenario(_name(load, associations, store), receivers, load, associations, store)


def _forward(  # noqa: PLR0913 - by keyword
    name: str,
    load: str,
    receivers: tuple[str, ...],
    *,
    associations: int = 1,
    operations: int = 1000,
    store: str = "memory",
    sinks: tuple[str, ...] = ("dimse",),
) -> Scenario:
    return Scenario(
        f"forward {name}", receivers, load, associations, store, operations=operations, sinks=sinks
    )


_FORWARDED: Final = (HILUM, HILUM_2, ORTHANC, ORTHANC_DEFAULT)
_FORWARDED_POWER: Final = (HILUM_POWER, HILUM_POWER_2, ORTHANC_SYNC)
# Store and forward, end to end: `bench/run.py --forward`.
FORWARD: Final = (
    _forward("ct x1", "ct", _FORWARDED),
    _forward("ct x4", "ct", _FORWARDED, associations=4),
    _forward("mr x1", "mr", _FORWARDED),
    _forward("mr x4", "mr", _FORWARDED, associations=4),
    _forward("ct 100", "ct", _FORWARDED, operations=100),
    _forward("mr 100", "mr", _FORWARDED, operations=100),
    _forward("18kb x1", "18kb", (HILUM,)),
    _forward("18kb 20000", "18kb", (HILUM,), operations=20000),
    _forward("ct x1 power", "ct", _FORWARDED_POWER, store="disk"),
    _forward("mr x1 power", "mr", _FORWARDED_POWER, store="disk"),
    _forward("ct x4 power", "ct", _FORWARDED_POWER, store="disk", associations=4),
    _forward("ct stow", "ct", _FORWARDED, sinks=("stow",)),
    _forward("mr stow", "mr", _FORWARDED, sinks=("stow",)),
    _forward("ct to four", "ct", (HILUM, HILUM_2), sinks=("dimse",) * 4),
    _forward("mr to four", "mr", (HILUM, HILUM_2), sinks=("dimse",) * 4),
)

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

_ORTHANCS: Final = (ORTHANC, ORTHANC_DEFAULT)
# Two workers for what is long enough that one takes in and another one delivers, as with two
# processors they would be set up; 100 instances are over before a second one is warm.
FORWARD_TARGETS: Final = (
    Target("forward ct x1", HILUM_2, _ORTHANCS, 10.0),
    Target("forward ct x4", HILUM_2, _ORTHANCS, 10.0),
    Target("forward mr x1", HILUM_2, _ORTHANCS, 15.0),
    Target("forward mr x4", HILUM_2, _ORTHANCS, 15.0),
    Target("forward ct 100", HILUM, _ORTHANCS, 1.5),
    Target("forward mr 100", HILUM, _ORTHANCS, 1.5),
    Target("forward 18kb 20000", HILUM, (HILUM,), 0.85, against="forward 18kb x1"),
    Target("forward ct x1 power", HILUM_POWER_2, (ORTHANC_SYNC,), 6.0),
    Target("forward mr x1 power", HILUM_POWER_2, (ORTHANC_SYNC,), 6.0),
    Target("forward ct x4 power", HILUM_POWER_2, (ORTHANC_SYNC,), 6.0),
    Target("forward ct stow", HILUM, _ORTHANCS, 5.0),
    Target("forward mr stow", HILUM, _ORTHANCS, 5.0),
    # Four destinations cost less than two and a half times one.
    Target("forward ct to four", HILUM, (HILUM,), 0.4, against="forward ct x1"),
    Target("forward mr to four", HILUM, (HILUM,), 0.4, against="forward mr x1"),
)
