"""What happens at the DICOMweb door, as events."""

from dataclasses import dataclass
from typing import ClassVar, Final

from hilum.dicomweb.resource import (
    Allowed,
    Capabilities,
    Delete,
    Resource,
    RetrieveAllBulk,
    RetrieveBulk,
    RetrieveFrames,
    RetrieveInstances,
    RetrieveMetadata,
    RetrievePixels,
    RetrieveRendered,
    RetrieveThumbnail,
    Search,
    Store,
)
from hilum.kernel.telemetry import Counter, Event, Histogram, Level, Metric

# What is written about requests: kinds and methods are few, whatever clients make up.
_KINDS: Final[dict[type[Resource], str]] = {
    Allowed: "capabilities",
    Capabilities: "capabilities",
    Delete: "delete",
    RetrieveAllBulk: "bulkdata",
    RetrieveBulk: "bulkdata",
    RetrieveFrames: "frames",
    RetrieveInstances: "instances",
    RetrieveMetadata: "metadata",
    RetrievePixels: "pixeldata",
    RetrieveRendered: "rendered",
    RetrieveThumbnail: "thumbnail",
    Search: "search",
    Store: "store",
}
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"))
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0)


def kind_of(resource: Resource) -> str:
    """Name a resource for labels."""
    return _KINDS.get(type(resource), "other")


def method_of(method: str) -> str:
    """Name a method for labels."""
    return method if method in _METHODS else "other"


@dataclass(frozen=True, slots=True)
class RequestAnswered(Event):
    """A DICOMweb request was answered; 499: its client went away before it had all of the answer.

    Of requests for nothing that there is, `resource` is `none`. The seconds end with the last byte
    that the connection took.
    """

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = (
        "{method} of {resource} was answered with {status} after {seconds:.4f} s."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_web_requests_total", ("method", "resource", "status")),
        Histogram("hilum_web_request_seconds", "seconds", ("resource",), _SECONDS),
        Counter("hilum_web_received_bytes_total", ("resource",), amount="received_bytes"),
        Counter("hilum_web_sent_bytes_total", ("resource",), amount="sent_bytes"),
    )
    method: str
    resource: str
    status: str
    seconds: float
    received_bytes: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class RequestFailed(Event):
    """A request could not be answered as it should, for a reason on our side."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "A DICOMweb request failed with {status}: {fault} at {place}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_web_requests_failed_total"),)
    status: int
    fault: str
    place: str


@dataclass(frozen=True, slots=True)
class InstanceSkipped(Event):
    """An answer leaves an instance out that belongs to it, because it cannot be read."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "Instance {sop_instance_uid} cannot be given out: {fault}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_web_instances_left_out_total"),)
    sop_instance_uid: str
    fault: str
