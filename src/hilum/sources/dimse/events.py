"""What the DIMSE door reports about connections and associations."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Counter, Event, Histogram, Level, Metric


@dataclass(frozen=True, slots=True)
class ListenerOpened(Event):
    """The door listens."""

    message: ClassVar[str] = "Listening for DICOM on {host}:{port}{tls}."
    host: str
    port: int
    tls: str


@dataclass(frozen=True, slots=True)
class AssociationAccepted(Event):
    """A peer came in."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = (
        "{calling_ae_title} at {host} opened association {association_id} to {called_ae_title} "
        "with {contexts} presentation contexts."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_associations_accepted_total"),)
    association_id: str
    calling_ae_title: str
    called_ae_title: str
    peer: str
    host: str
    contexts: int


@dataclass(frozen=True, slots=True)
class AssociationRejected(Event):
    """A peer was not let in; the remedy says what to change."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "Rejected {calling_ae_title!r} at {host} calling {called_ae_title!r}: {reason}. "
        "Remedy: {remedy}."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_associations_rejected_total", ("cause",)),
    )
    calling_ae_title: str
    called_ae_title: str
    host: str
    cause: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ContextsRefused(Event):
    """Some of what a peer proposed was not accepted; the rest is open."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "Association {association_id} from {calling_ae_title}: refused presentation contexts "
        "{refused}. Remedy: {remedy}."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_contexts_refused_total"),)
    association_id: str
    calling_ae_title: str
    refused: str
    remedy: str


@dataclass(frozen=True, slots=True)
class AssociationClosed(Event):
    """An association ended, well or not; `ending` says how."""

    message: ClassVar[str] = (
        "Association {association_id} from {calling_ae_title} at {host} ended ({ending}): "
        "{stored} stored, {refused} refused, {size} bytes, {seconds:.3f} s. {detail}"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_associations_closed_total", ("ending",)),
        Histogram(
            "hilum_association_seconds",
            "seconds",
            buckets=(0.01, 0.1, 1, 10, 60, 600, 3600),
        ),
    )
    association_id: str
    calling_ae_title: str
    peer: str
    host: str
    ending: str
    stored: int
    refused: int
    size: int
    seconds: float
    detail: str


@dataclass(frozen=True, slots=True)
class EchoAnswered(Event):
    """A C-ECHO was answered."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "Answered C-ECHO from {calling_ae_title}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_echoes_total"),)
    calling_ae_title: str


@dataclass(frozen=True, slots=True)
class OperationRefused(Event):
    """A command was answered with an error before any instance was taken."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "Refused {operation} from {calling_ae_title}: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_operations_refused_total"),)
    operation: str
    calling_ae_title: str
    reason: str


@dataclass(frozen=True, slots=True)
class QueryAnswered(Event):
    """A C-FIND came to its end; what was asked is in no line."""

    message: ClassVar[str] = (
        "Answered C-FIND from {calling_ae_title} at {host}: {matches} matches at the "
        "{query_level} level ({status}), {seconds:.3f} s."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_queries_total", ("query_level", "ending")),
        Counter("hilum_query_matches_total", ("query_level",), amount="matches"),
        Histogram(
            "hilum_query_seconds", "seconds", ("query_level",), (0.005, 0.02, 0.1, 0.5, 2, 10, 60)
        ),
    )
    association_id: str
    calling_ae_title: str
    peer: str
    host: str
    query_level: str
    matches: int
    ending: str
    status: str
    seconds: float


@dataclass(frozen=True, slots=True)
class QueryAnsweredInPart(Event):
    """A part of the archive did not answer a C-FIND; the peer was told that matches may miss."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "Answered a query of {calling_ae_title} without a part of the archive: {reasons}."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_queries_answered_in_part_total"),)
    association_id: str
    calling_ae_title: str
    reasons: str


@dataclass(frozen=True, slots=True)
class RetrieveEnded(Event):
    """A C-MOVE or C-GET came to its end, well or not; the remark says what stood in the way."""

    message: ClassVar[str] = (
        "{operation} from {calling_ae_title} at {host} ended ({status}): {completed} sent, "
        "{warned} with warnings, {failed} failed, {remaining} not tried, {size} bytes, "
        "{seconds:.3f} s. {remark}"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_retrieves_total", ("operation", "ending")),
        Counter("hilum_retrieved_instances_total", ("operation",), amount="completed"),
        Counter("hilum_retrieved_bytes_total", ("operation",), amount="size"),
        Counter("hilum_retrieve_failures_total", ("operation",), amount="failed"),
        Histogram("hilum_retrieve_seconds", "seconds", ("operation",), (0.1, 1, 10, 60, 600, 3600)),
    )
    association_id: str
    operation: str
    calling_ae_title: str
    peer: str
    host: str
    destination: str
    query_level: str
    completed: int
    warned: int
    failed: int
    remaining: int
    size: int
    ending: str
    status: str
    seconds: float
    remark: str


@dataclass(frozen=True, slots=True)
class OperationFailed(Event):
    """A fault of ours ended an operation; the peer was told. Please report it."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "A fault of ours ended {operation} from {calling_ae_title}: {fault} at {place}."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_operations_failed_total", ("operation",)),
    )
    operation: str
    calling_ae_title: str
    fault: str
    place: str

    @classmethod
    def of(cls, operation: str, calling_ae_title: str, error: BaseException) -> "OperationFailed":
        """Tell the kind of `error` and where it was raised; its text might quote a peer's bytes."""
        return cls(operation, calling_ae_title, type(error).__name__, place_of(error))


@dataclass(frozen=True, slots=True)
class ConnectionDropped(Event):
    """A connection ended before it was an association."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "Dropped the connection from {host}: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_connections_dropped_total", ("cause",)),
    )
    host: str
    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionFailed(Event):
    """A fault of ours ended a connection; the others go on. Please report it."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "A fault of ours ended the connection from {host}: {fault} at {place}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_connections_failed_total"),)
    host: str
    fault: str
    place: str

    @classmethod
    def of(cls, host: str, error: BaseException) -> "ConnectionFailed":
        """Tell the kind of `error` and where it was raised; its text might quote a peer's bytes."""
        return cls(host, type(error).__name__, place_of(error))


@dataclass(frozen=True, slots=True)
class TlsRefused(Event):
    """A TLS handshake failed; the reason says which side must change what."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "TLS with {host} failed: {reason}. Remedy: {remedy}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_tls_refused_total", ("cause",)),)
    host: str
    cause: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CertificateLoaded(Event):
    """The TLS certificate was read, at start or because its file changed."""

    message: ClassVar[str] = "Loaded the TLS certificate {path}, valid until {valid_until}."
    path: str
    valid_until: str


@dataclass(frozen=True, slots=True)
class CertificateRefused(Event):
    """A changed TLS certificate could not be loaded; the old one stays in use."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "Could not load the TLS certificate {path}: {reason}. The old one stays."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_certificates_refused_total"),)
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class AcceptPaused(Event):
    """New connections wait because the process has no descriptors or memory for them."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "Not accepting connections for a moment: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_accept_pauses_total"),)
    reason: str
