"""Origins of web pages, as browsers send them (RFC 6454 §6.1)."""

import re
from typing import Final

ANY_ORIGIN: Final = "*"
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.\-_\[\]:]{1,260}")


def origin_of(text: str) -> str:
    """Check that a setting is an origin as browsers send it, or `*`."""
    origin = text.strip().rstrip("/").lower()
    if origin != ANY_ORIGIN and _ORIGIN.fullmatch(origin) is None:
        raise ValueError(
            f"{text!r} is no origin; write scheme and host, like https://viewer.example.org"
        )
    return origin
