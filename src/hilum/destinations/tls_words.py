"""What failures of TLS with whom we call mean, and who must change what."""

import ssl
from typing import Final

# What the other side says of our certificate (RFC 8446 §6.2), as OpenSSL names it.
_ALERTS: Final = {
    "CERTIFICATE_EXPIRED": "our certificate has run out",
    "CERTIFICATE_REVOKED": "our certificate was revoked",
    "UNKNOWN_CA": "it does not know the authority that issued our certificate",
    "CERTIFICATE_REQUIRED": "it wants a certificate from us",
}


def alert_words(error: ssl.SSLError) -> str:
    """Say what the other side holds against our certificate; "" when it is something else."""
    reason = error.reason or ""
    if "ALERT" not in reason:
        return ""
    return next((f"{says} ({reason})" for mark, says in _ALERTS.items() if mark in reason), "")


def distrust_words(message: str, otherwise: str) -> str:
    """Say why we do not trust a certificate; `otherwise` asks when its dates are not the reason."""
    words = f"we do not trust its certificate: {message}"
    if "expired" in message:
        return words
    if "not yet valid" in message:
        return f"{words}. Are the clocks of both machines right?"
    return f"{words}. {otherwise}"
