"""Who was not let in over HTTP, and how the keys of tokens fare, as events."""

from dataclasses import dataclass
from typing import ClassVar, Final

from hilum.kernel.telemetry import Counter, Event, Level, Metric

_REFUSED: Final = Counter("hilum_web_callers_refused_total", ("cause",))


@dataclass(frozen=True, slots=True)
class CallerRefused(Event):
    """A request over HTTP was not let in."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "A request of {caller} from {address} was answered {status}: {reason}. {remedy}"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (_REFUSED,)
    cause: str
    status: int
    caller: str
    address: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class RefusalRepeated(Event):
    """One more of many requests from one address that were not let in; no line for each."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "One more request from {address} was answered {status} ({cause})."
    metrics: ClassVar[tuple[Metric, ...]] = (_REFUSED,)
    cause: str
    status: int
    address: str


@dataclass(frozen=True, slots=True)
class TokenKeysLoaded(Event):
    """The keys that tokens are verified with have changed."""

    message: ClassVar[str] = "Tokens of {issuer} are verified with {count} keys: {key_ids}."
    issuer: str
    count: int
    key_ids: str


@dataclass(frozen=True, slots=True)
class TokenKeysNotRefreshed(Event):
    """The keys that tokens are verified with could not be had; the old ones stay in use."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "The keys of {issuer} could not be had: {reason}. {count} older ones stay in use. Is "
        "sources.web.jwt right, and the provider reachable from here?"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_web_token_keys_failures_total"),)
    issuer: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class RefusalUnaudited(Event):
    """An audit record of somebody who was not let in could not be written."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "An audit record of a refused caller was not written: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_web_refusals_unaudited_total"),)
    reason: str


@dataclass(frozen=True, slots=True)
class HandshakeFailed(Event):
    """A TLS handshake with a caller over HTTPS failed."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "The TLS handshake with {address} failed: {reason}. Remedy: {remedy}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_web_handshakes_failed_total", ("cause",)),
    )
    cause: str
    address: str
    reason: str
    remedy: str
