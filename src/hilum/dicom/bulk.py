"""Values that stay where they are: too long for a tree of elements, or pixels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bulk:
    """A value in the bytes that the data set was read from, of a deflated one in the inflated."""

    position: int  # of the value, behind its header
    length: int | None  # None: encapsulated, or not known, since the bytes at hand ended before

    def of(self, payload: bytes) -> bytes:
        """Cut the value out of the bytes that the data set was read from."""
        return payload[self.position : self.position + (self.length or 0)]


@dataclass(frozen=True, slots=True)
class BulkReference:
    """A value that is somewhere else: what a JSON or XML model says for it (PS3.18 §F.2.6)."""

    uri: str
