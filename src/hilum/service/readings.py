"""Metrics that are read when somebody asks, not moved by events: the one table of their names.

Whoever has the number gives it to `Metrics.watch(READING, read)`. `read` runs off the event loop
and must be quick: an attribute, a system call, never a scan of a table.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class WorkerGauge:
    """A number each worker has of its own; the gateway's is their sum."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class WorkerCounter:
    """A number that only grows while a worker lives; the gateway's is the sum over all lives."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class GatewayGauge:
    """A number every worker would read alike; the one that is asked tells it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class WorkerGauges:
    """A gauge with labels; each worker has numbers of its own, the gateway's are their sums."""

    name: str
    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GatewayGauges:
    """A gauge with labels that every worker would read alike; the one that is asked tells it."""

    name: str
    text: str
    labels: tuple[str, ...]


Reading = WorkerGauge | WorkerCounter | GatewayGauge
# Whoever reads one gives a number for each set of labels; labels are names of the configuration.
Readings = WorkerGauges | GatewayGauges

WORKERS_RUNNING: Final = WorkerGauge("hilum_workers_running", "Worker processes that are alive.")
WORKERS_READY: Final = WorkerGauge(
    "hilum_workers_ready", "Workers whose last checks let them take instances."
)
ASSOCIATIONS_OPEN: Final = WorkerGauge("hilum_associations_open", "Associations open now.")
RECEPTIONS_OPEN: Final = WorkerGauge("hilum_receptions_open", "Instances that are arriving now.")
COMMITS_WAITING: Final = WorkerGauge(
    "hilum_commits_waiting", "Instances that have arrived and wait for their commit."
)
PROCESS_RESIDENT_BYTES: Final = WorkerGauge(
    "hilum_process_resident_bytes", "Memory of the worker processes."
)
PROCESS_DESCRIPTORS: Final = WorkerGauge(
    "hilum_process_descriptors", "Files and sockets the worker processes have open."
)
PROCESS_CPU_SECONDS: Final = WorkerCounter(
    "hilum_process_cpu_seconds_total", "Processor time the worker processes have used."
)
LOG_LINES_DROPPED: Final = WorkerCounter(
    "hilum_log_lines_dropped_total", "Log lines that could not be written at once."
)
TELEMETRY_FAILURES: Final = WorkerCounter(
    "hilum_telemetry_failures_total", "Lines and metrics lost by an error in telemetry itself."
)
LIBRARY_ERRORS: Final = WorkerCounter(
    "hilum_library_errors_total", "Errors that libraries logged and nobody handled."
)
VAULT_FREE_BYTES: Final = GatewayGauge("hilum_vault_free_bytes", "Room left on the vault's disk.")
VAULT_RESERVE_BYTES: Final = GatewayGauge(
    "hilum_vault_reserve_bytes", "Room on the vault's disk below which stores are refused."
)
RETENTION_PERCENT: Final = GatewayGauge(
    "hilum_retention_quota_percent", "Share of the fullest quota of [retention] that is used."
)
LEDGER_STUDIES: Final = GatewayGauge("hilum_ledger_studies", "Studies in the ledger.")
LEDGER_SERIES: Final = GatewayGauge("hilum_ledger_series", "Series in the ledger.")
LEDGER_INSTANCES: Final = GatewayGauge("hilum_ledger_instances", "Instances in the ledger.")
LEDGER_PAYLOAD_BYTES: Final = GatewayGauge(
    "hilum_ledger_payload_bytes", "Size of all payloads in the ledger."
)

DELIVERIES_OWED: Final = GatewayGauges(
    "hilum_deliveries_owed",
    "Deliveries that are not done, by what they wait for.",
    ("destination", "state"),
)
DELIVERIES_OWED_BYTES: Final = GatewayGauges(
    "hilum_deliveries_owed_bytes",
    "Size of the instances of deliveries that are not done.",
    ("destination", "state"),
)
DELIVERIES_OLDEST_SECONDS: Final = GatewayGauges(
    "hilum_deliveries_oldest_seconds",
    "Age of the oldest delivery that is not done.",
    ("destination", "state"),
)
LANE_BREAKER_OPEN: Final = WorkerGauges(
    "hilum_lane_breaker_open",
    "Workers that send a destination nothing, as it failed and has not proved well.",
    ("destination",),
)
LANE_WINDOW: Final = WorkerGauges(
    "hilum_lane_window",
    "Sessions with a destination that may be open at the same time, as found by feedback.",
    ("destination",),
)
LANE_SESSIONS: Final = WorkerGauges(
    "hilum_lane_sessions", "Sessions with a destination that are open.", ("destination",)
)

CACHE_BYTES: Final = GatewayGauge(
    "hilum_cache_bytes", "Size of what is kept of archives elsewhere."
)
CACHE_PAYLOADS: Final = GatewayGauge(
    "hilum_cache_payloads", "Instances that are kept of archives elsewhere."
)
FETCH_REQUESTS_ACTIVE: Final = WorkerGauge(
    "hilum_fetch_requests_active", "Requests to fetch that are worked on."
)
ANSWERER_BREAKER_OPEN: Final = WorkerGauges(
    "hilum_answerer_breaker_open",
    "Workers that ask an answerer nothing, as it failed and has not proved well.",
    ("answerer",),
)
ANSWERER_CONNECTIONS_BUSY: Final = WorkerGauges(
    "hilum_answerer_connections_busy",
    "Associations or connections with an answerer that are at work.",
    ("answerer",),
)
ANSWERER_CONNECTIONS_IDLE: Final = WorkerGauges(
    "hilum_answerer_connections_idle",
    "Associations with an answerer that are open and have nothing to do.",
    ("answerer",),
)
ANSWERER_WAITING: Final = WorkerGauges(
    "hilum_answerer_waiting", "Questions that wait for a connection.", ("answerer",)
)
ANSWERER_FETCHES: Final = WorkerGauges(
    "hilum_answerer_fetches", "Fetches from an answerer that are under way.", ("answerer",)
)

READINGS: Final[tuple[Reading | Readings, ...]] = (
    WORKERS_RUNNING,
    WORKERS_READY,
    ASSOCIATIONS_OPEN,
    RECEPTIONS_OPEN,
    COMMITS_WAITING,
    PROCESS_RESIDENT_BYTES,
    PROCESS_DESCRIPTORS,
    PROCESS_CPU_SECONDS,
    LOG_LINES_DROPPED,
    TELEMETRY_FAILURES,
    LIBRARY_ERRORS,
    VAULT_FREE_BYTES,
    VAULT_RESERVE_BYTES,
    RETENTION_PERCENT,
    LEDGER_STUDIES,
    LEDGER_SERIES,
    LEDGER_INSTANCES,
    LEDGER_PAYLOAD_BYTES,
    DELIVERIES_OWED,
    DELIVERIES_OWED_BYTES,
    DELIVERIES_OLDEST_SECONDS,
    LANE_BREAKER_OPEN,
    LANE_WINDOW,
    LANE_SESSIONS,
    CACHE_BYTES,
    CACHE_PAYLOADS,
    FETCH_REQUESTS_ACTIVE,
    ANSWERER_BREAKER_OPEN,
    ANSWERER_CONNECTIONS_BUSY,
    ANSWERER_CONNECTIONS_IDLE,
    ANSWERER_WAITING,
    ANSWERER_FETCHES,
)
