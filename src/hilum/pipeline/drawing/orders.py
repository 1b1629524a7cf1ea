"""What goes between the gateway and a process that decodes frames.

Orders are objects of ours; reports are bytes that are never made objects of: the other process has
met what strangers wrote.
"""

import enum
from dataclasses import dataclass

from hilum.imaging.picture import Picture
from hilum.imaging.pixels import Pixels


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """Draw a picture of the frame."""

    picture: Picture


@dataclass(frozen=True, slots=True)
class PlainOrder:
    """Decode the frame. `step`: bits before it in its bytes."""

    pixels: Pixels
    step: int = 0


Order = PictureOrder | PlainOrder


class Verdict(enum.IntEnum):
    """How an order ended: the first byte of a report."""

    DONE = 0
    REFUSED = 1
    DAMAGED = 2
    FAULT = 3


def report(verdict: Verdict, content: bytes) -> bytes:
    """Write a report."""
    return bytes((verdict,)) + content


def read_report(raw: bytes) -> tuple[Verdict, bytes]:
    """Read a report. Raises ValueError: it is none."""
    if not raw:
        raise ValueError("an empty report")
    return Verdict(raw[0]), raw[1:]
