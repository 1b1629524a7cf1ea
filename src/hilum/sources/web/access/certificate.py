"""What a client certificate says of its owner, as texts that settings can name."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

# A key of the request's `state`: what the certificate of its connection says, when it was verified.
CERTIFICATE_STATE: Final = "hilum.certificate"

_ALTERNATIVES: Final = {"DNS": "DNS", "email": "EMAIL", "URI": "URI"}


def identities_of(certificate: Mapping[str, Any], encoded: bytes) -> frozenset[str]:
    """Give CN, alternative names and fingerprint of a certificate, as `getpeercert()` gives it."""
    found = {f"SHA256={hashlib.sha256(encoded).hexdigest()}"}
    for names in certificate.get("subject", ()):
        found |= {f"CN={value}" for key, value in names if key == "commonName"}
    for kind, value in certificate.get("subjectAltName", ()):
        if kind in _ALTERNATIVES:
            found.add(f"{_ALTERNATIVES[kind]}={value}")
    return frozenset(found)
