"""Palettes in segments: runs, slopes, and segments told again (PS3.3 §C.7.9.2)."""

from array import array
from typing import Final

_DISCRETE: Final = 0
_LINEAR: Final = 1
_INDIRECT: Final = 2


def unfold(words: "array[int]", count: int, *, word_bytes: int) -> "array[int] | None":
    """Write out a table of `count` entries; None: there are not as many."""
    table = _Table(words, count, word_bytes)
    table.write(0, len(words), is_told_again=False)
    return table.entries[:count] if len(table.entries) >= count else None


class _Table:
    """Entries that are being written. Each step adds one or is the last, so there is an end."""

    def __init__(self, words: "array[int]", count: int, word_bytes: int) -> None:
        self.entries = array("H")
        self._words = words
        self._count = count
        self._word_bytes = word_bytes

    def write(self, at: int, segments: int, *, is_told_again: bool) -> None:
        """Write out so many segments from a place on; one told again does not tell others again."""
        for _ in range(segments):
            before = len(self.entries)
            if at + 2 >= len(self._words) or before >= self._count:
                return
            kind, length = self._words[at], self._words[at + 1]
            if kind == _DISCRETE:
                self.entries.extend(self._words[at + 2 : at + 2 + length])
                at += 2 + length
            elif kind == _LINEAR and before:
                self.entries.extend(_slope(self.entries[-1], self._words[at + 2], length))
                at += 3
            elif kind == _INDIRECT and not is_told_again:
                self.write(self._target(at + 2), length, is_told_again=True)
                at += 2 + 4 // self._word_bytes
            if len(self.entries) == before:
                return

    def _target(self, at: int) -> int:
        """Read where the segments to be told again begin: an offset in bytes, lowest part first."""
        parts = self._words[at : at + 4 // self._word_bytes]
        shift = 8 * self._word_bytes
        return sum(part << shift * place for place, part in enumerate(parts)) // self._word_bytes


def _slope(start: int, end: int, length: int) -> list[int]:
    return [start + round((end - start) * step / length) for step in range(1, length + 1)]
