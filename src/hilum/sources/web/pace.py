"""A body that must come at some pace: nobody makes us wait for ever, and a slow disk is no sin."""

from dataclasses import dataclass
from typing import Final

# What was not read of a body would be taken for the next request.
CLOSE: Final = {"Connection": "close"}


@dataclass(frozen=True, slots=True)
class Pace:
    """The slowest client that we wait for, averaged over a body, once `grace_seconds` are gone.

    No minimum (0): it is waited for as long as it likes.
    """

    bytes_per_second_min: int = 1024
    grace_seconds: float = 30.0

    def seconds_left(self, waited: float, taken: int) -> float | None:
        """Tell for how long more may be waited after so many seconds and bytes; None: for ever."""
        if not self.bytes_per_second_min:
            return None
        return self.grace_seconds + taken / self.bytes_per_second_min - waited
