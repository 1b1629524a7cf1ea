"""What the running gateway reports about itself."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Level, Metric


@dataclass(frozen=True, slots=True)
class GatewayStarted(Event):
    """The gateway takes instances."""

    message: ClassVar[str] = "Hilum {version} runs as {ae_title}; data in {data}, {durability}."
    version: str
    ae_title: str
    data: str
    durability: str


@dataclass(frozen=True, slots=True)
class GatewayStopped(Event):
    """The gateway ended in good order."""

    message: ClassVar[str] = "Hilum has stopped; everything that was answered is kept."


@dataclass(frozen=True, slots=True)
class WebOpened(Event):
    """The HTTP listener answers."""

    message: ClassVar[str] = "Listening for {scheme} on {host}:{port}."
    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ConfigurationReloaded(Event):
    """A changed configuration is in force for whatever begins from now on."""

    message: ClassVar[str] = "The configuration was read again. {remark}"
    remark: str


@dataclass(frozen=True, slots=True)
class ConfigurationRefused(Event):
    """A changed configuration has errors; the old one stays in force."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "The changed configuration is not used: {reason}"
    reason: str


@dataclass(frozen=True, slots=True)
class WorkerDied(Event):
    """A worker process ended by itself and is started again."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "Worker {number} ended ({how}); starting it again in {seconds:g} s."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_workers_died_total"),)
    number: int
    how: str
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkerStalled(Event):
    """The event loop of a worker does not turn any more; the worker is ended and started again."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "Worker {number} has done nothing for {seconds:g} s and is ended; what it answered is "
        "kept. Standard error has where each of its threads was. Is the disk slow, or a file "
        "system gone?"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_workers_stalled_total"),)
    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkerFailed(Event):
    """A worker process could not begin, or met an error it could not go on after."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "Worker {number} cannot go on: {reason}"
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class VaultReconciled(Event):
    """Ledger and vault were compared, after a crash or with a ledger of before, and agree again."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "{cause} Unfinished payloads dropped: {drafts_dropped}; written again from the journal: "
        "{replayed}; whole ones adopted: {adopted}, of which {older} are older than what is "
        "served; set aside: {set_aside}."
    )
    cause: str
    drafts_dropped: int
    replayed: int
    adopted: int
    older: int
    set_aside: int


@dataclass(frozen=True, slots=True)
class PayloadsLost(Event):
    """The ledger names payloads that the vault does not have."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "Payloads that the ledger names and that are missing or damaged in the vault: {count}; the "
        "first is {first}. Was the data folder changed, or is the disk failing?"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_payloads_lost_total", amount="count"),)
    count: int
    first: str


@dataclass(frozen=True, slots=True)
class PayloadSetAside(Event):
    """A payload file in the vault must not be served and lies in quarantine now."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "A payload was moved to {path}: {reason}."
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class LedgerUpgraded(Event):
    """A ledger of an older Hilum was brought to the schema of this one: it never goes back."""

    message: ClassVar[str] = (
        "The ledger was brought from schema revision {before} to {after}; an older Hilum cannot "
        "use it any more."
    )
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class LedgerRebuilt(Event):
    """The ledger was missing or damaged and was made anew from the vault."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "The ledger was {cause} and was made anew. Payloads found in the vault: {adopted}. {remark}"
    )
    cause: str
    adopted: int
    remark: str


@dataclass(frozen=True, slots=True)
class PeerUnresolved(Event):
    """A peer's host name has no address now; its calls from there are refused."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "peers.{peer}: the host name {host!r} has no address: {reason}."
    peer: str
    host: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClockTurned(Event):
    """The system's clock was set back; what waited for a moment would have waited longer."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "The system's clock was set back by {seconds:.0f} s{remark}. Times in the ledger "
        "and in the audit trail overlap with those of before; {deliveries} waiting deliveries are "
        "due as they were."
    )
    seconds: float
    remark: str
    deliveries: int


@dataclass(frozen=True, slots=True)
class ClockAdvanced(Event):
    """The system's clock leapt ahead; ages in `[retention]` believe it only after a while."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "The system's clock leapt ahead by {seconds:.0f} s. Payloads that came in this run are "
        "dated anew: {payloads}. Nothing goes by [retention] on its word within a day."
    )
    seconds: float
    payloads: int


@dataclass(frozen=True, slots=True)
class UpkeepFailed(Event):
    """Something the gateway does once in a while did not work; it is tried again."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "{duty} failed and is tried again: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_upkeep_failures_total", ("duty",)),)
    duty: str
    reason: str
