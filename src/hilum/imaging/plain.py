"""A frame without compression, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlainFrame:
    """A frame in explicit VR little endian, colours by pixel, and what its samples mean now."""

    content: bytes
    photometric: str
