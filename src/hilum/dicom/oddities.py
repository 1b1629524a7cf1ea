"""Element headers that break PS3.5 §7.1.2 and are seen all the same: how long is the value?

Each reading is tried in the order of its likelihood: it fits when another element, or the end,
follows where it says. The answer depends only on the bytes, not on how they were cut into chunks.
"""

from dataclasses import dataclass
from typing import Final

from hilum.dicom.encoding import ALL_VRS, LONG_VRS, Encoding

# How far we look for what follows. Odd elements are short; a longer reading is believed unseen.
_LOOK_BYTES: Final = 1 << 10


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read an element header."""

    name: str
    header_bytes: int
    length: int
    is_implicit: bool = False

    @property
    def size(self) -> int:
        """Bytes from the tag to the end of the value."""
        return self.header_bytes + self.length


def readings(window: bytes, at: int, encoding: Encoding) -> list[Reading]:
    """Give the ways in which the 12 bytes at `at` can be read, the likeliest first."""
    vr = window[at + 4 : at + 6]
    order: Final = "little" if encoding.little_endian else "big"
    short = int.from_bytes(window[at + 6 : at + 8], order)
    implicit = int.from_bytes(window[at + 4 : at + 8], order)
    long = int.from_bytes(window[at + 8 : at + 12], order)
    if vr in LONG_VRS:
        return [
            Reading("reserved bytes not zero", 12, long),
            Reading("short length for a long VR", 8, short),
        ]
    if vr.isalpha() and vr.isupper():
        # VRs to come will have a long length (PS3.5 §7.1.2); others are private inventions.
        as_long = Reading("unknown VR", 12, long)
        as_short = Reading("unknown VR", 8, short)
        return [as_short, as_long] if short else [as_long, as_short]
    as_implicit = Reading("implicit element", 8, implicit, is_implicit=True)
    as_malformed = Reading("malformed VR", 8, short)
    # Printable: somebody wrote "??", "  " or "cs". Otherwise it is the lower half of a length.
    if all(0x20 <= octet < 0x7F for octet in vr):
        return [as_malformed, as_implicit]
    return [as_implicit, as_malformed]


def bytes_to_see(candidates: list[Reading]) -> int:
    """Say how many bytes must be seen to choose: what follows each reading of modest length."""
    return max((r.size for r in candidates if r.length <= _LOOK_BYTES), default=0) + 8


def choose(
    candidates: list[Reading], window: bytes, at: int, room: int, encoding: Encoding
) -> Reading:
    """Choose the reading that fits. `room` is what the container has left, from `at` on."""
    fitting = [r for r in candidates if r.size <= room]
    for reading in fitting:
        if reading.length <= _LOOK_BYTES and _is_followed(reading, window, at, room, encoding):
            return reading
    # None proves itself: believe the likeliest that is possible at all.
    return (fitting or candidates)[0]


def _is_followed(reading: Reading, window: bytes, at: int, room: int, encoding: Encoding) -> bool:
    """Tell whether an element, a delimiter or the end stands behind the element read this way."""
    if reading.size == room:
        return True
    after = at + reading.size
    if after >= len(window):
        return after == len(window)  # only at the end of the stream are there so few bytes
    tag, following = _tag(window, at, encoding), _tag(window, after, encoding)
    if following >> 16 == 0xFFFE:
        return True
    if following <= tag:
        return False
    if window[after + 4 : after + 6] in ALL_VRS:
        return True
    # The next one may be as odd as this one.
    order: Final = "little" if encoding.little_endian else "big"
    length = int.from_bytes(window[after + 4 : after + 8], order)
    return reading.is_implicit and length <= room - reading.size and length <= 1 << 20


def _tag(window: bytes, at: int, encoding: Encoding) -> int:
    order: Final = "little" if encoding.little_endian else "big"
    group = int.from_bytes(window[at : at + 2], order)
    return group << 16 | int.from_bytes(window[at + 2 : at + 4], order)
