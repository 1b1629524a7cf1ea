"""How a connection to a peer ends that should not have, in words that say what to look at."""

import ssl

from hilum.destinations.dimse.address import Address
from hilum.destinations.tls_words import alert_words
from hilum.kernel.errors import HilumError, Rejected, Unreachable


class TooSlow(Unreachable):
    """The peer is connected, and let a deadline pass."""


class Ended(Unreachable):
    """The peer was connected, and ended it."""


def loss_of(
    address: Address, error: Exception | None, *, is_opening: bool, is_secure: bool
) -> HilumError:
    """Say what it means that a transport closed by itself, while an association opens or later."""
    if isinstance(error, ssl.SSLError):
        words = alert_words(error)
        hint = "Does it want a certificate from us, or another one?"
        return Rejected(f"{address} ended TLS: {words or f'{error.reason or error}. {hint}'}")
    words = f" ({error.strerror or error})" if isinstance(error, OSError) else ""
    if not is_opening:
        return Ended(f"{address} closed the connection{words}")
    hint = (
        "Does it want a certificate from us, or another one?"
        if is_secure
        else "Does its port want TLS?"
    )
    return Ended(
        f"{address} closed the connection instead of answering our association "
        f"request{words}. Does it let this host in? {hint}"
    )
