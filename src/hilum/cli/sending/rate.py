"""How fast we may send: a budget of bytes that refills with time, shared by all associations."""

import asyncio
import re
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.errors import Misconfigured

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?(?:/s)?", re.IGNORECASE | re.ASCII)


def parse_rate(text: str) -> int:
    """Read `50MB`, `800 KiB/s`, `1g` as bytes per second.

    Raises:
        Misconfigured: it is no such thing, or less than one byte per second.
    """
    match = _RATE.fullmatch(text.strip())
    rate = int(float(match[1]) * _UNITS[(match[2] or "").lower()]) if match else 0
    if rate < 1:
        raise Misconfigured(f"rate {text!r}: expected bytes per second, for example 50MB or 800KiB")
    return rate


class RateLimit:
    """Lets bytes through at a steady rate. What was not used is not saved up: no bursts."""

    def __init__(self, bytes_per_second: int, *, clock: Clock) -> None:
        self._seconds_per_byte = 1 / bytes_per_second
        self._clock = clock
        self._free_at = clock.monotonic()

    async def take(self, count: int) -> None:
        """Return when `count` more bytes may be sent. Concurrent takers queue up in order."""
        now = self._clock.monotonic()
        start = max(now, self._free_at)
        self._free_at = start + count * self._seconds_per_byte
        if start > now:
            await asyncio.sleep(start - now)
