"""Says in words why a request got no answer, and by which kind of error the caller goes on."""

import errno
import os
import ssl
from typing import Final

import aiohttp

from hilum.destinations.tls_words import alert_words, distrust_words
from hilum.kernel.errors import HilumError, Rejected, RemoteProtocolError, Unreachable
from hilum.kernel.outcome import Deferred, Failing

_HINTS: Final = {
    errno.ECONNREFUSED: "nothing listens there; is the port right, is the server running?",
    errno.EHOSTUNREACH: "no way to this host; is the address right, does a firewall stand between?",
    errno.ENETUNREACH: "no way to this network; is the address right?",
    errno.ETIMEDOUT: "no answer; is the address right, does a firewall drop our packets?",
}
_RESET: Final = (
    "It closed the connection while we were sending; does it, or a proxy before it, limit the "
    "size of requests?"
)


def failure_of(place: str, error: Exception) -> HilumError:
    """Make the error for a request to `place` that ended in `error`, of aiohttp or the system."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Unreachable(f"{place}: the name {error.host!r} cannot be resolved; is it right?")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _untrusted(place, error.certificate_error)
    cause = _tls_cause(error)
    if cause is not None:
        return _no_tls(place, cause)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        kind = Rejected if error.status in {401, 403, 407} else Unreachable
        return kind(f"{place}: the proxy answered {error.status}; are proxy and its login right?")
    if isinstance(error, aiohttp.ClientConnectorError):
        proxy = isinstance(error, aiohttp.ClientProxyConnectionError)
        return Unreachable(
            f"{place}: cannot connect{' to the proxy' if proxy else ''}: {_words(error)}"
        )
    return _broken(place, error)


def _broken(place: str, error: Exception) -> HilumError:
    """Make the error for a connection that was open, or almost."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreachable(f"{place}: no connection in time: {_HINTS[errno.ETIMEDOUT]}")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return Unreachable(f"{place} closed the connection without an answer")
    if isinstance(error, aiohttp.ClientResponseError):
        return RemoteProtocolError(
            f"{place} answered something that is not HTTP; is the URL right?"
        )
    if isinstance(error, OSError):
        return Unreachable(f"{place}: {_words(error)}. {_RESET}")
    return Unreachable(f"{place}: the request failed ({type(error).__name__})")


def has_lost_connection(error: Exception) -> bool:
    """Tell whether an open connection was closed or reset by the other side."""
    return isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError) or (
        isinstance(error, aiohttp.ClientOSError)
        and not isinstance(error, aiohttp.ClientConnectorError)
    )


def failing_of(error: HilumError) -> Failing:
    """Tell what kind of failure it is, by what to do next."""
    if isinstance(error, Rejected):
        return Failing.UNWELCOME
    return Failing.CONFUSED if isinstance(error, RemoteProtocolError) else Failing.UNREACHABLE


def lost(error: HilumError) -> Deferred:
    """Give the outcome of an instance that was under way when `error` came."""
    return Deferred(str(error), failing=failing_of(error))


def untried(reason: str) -> Deferred:
    """Give the outcome of those behind it: nothing of them was sent."""
    return Deferred(f"not tried: {reason}", failing=Failing.UNTRIED)


def _words(error: OSError) -> str:
    # Event loops put an address into the text; the number says it in the system's own words.
    number = error.errno
    if number is None or number <= 0:
        return "the connection broke"
    hint = _HINTS.get(number)
    return os.strerror(number) + (f": {hint}" if hint else "")


def _tls_cause(error: BaseException) -> ssl.SSLError | None:
    """Find the failure of TLS behind an error; a certificate of ours is refused after the start."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return seen
        inner = getattr(seen, "os_error", None)
        seen = inner if isinstance(inner, BaseException) and inner is not seen else seen.__cause__
    return None


def _no_tls(place: str, error: ssl.SSLError) -> HilumError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(place, error)
    if words := alert_words(error):
        return Rejected(f"{place}: no TLS session: {words}")
    reason = error.reason or "the handshake failed"
    hint = "Is this its TLS port, and does it know TLS 1.2 or newer?"
    if "ALERT" in reason.upper():
        hint = "Does it ask for a client certificate, and does it trust ours (certificate, key)?"
    return Rejected(f"{place}: no TLS session: {reason}. {hint}")


def _untrusted(place: str, error: Exception) -> Rejected:
    message = getattr(error, "verify_message", "") or "it cannot be verified"
    hint = "Is it issued for this name, by the authority that we were given (ca)?"
    return Rejected(f"{place}: {distrust_words(message, hint)}")
