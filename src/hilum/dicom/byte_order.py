"""Words the other way round: what changing the byte order does to values (PS3.5 §7.3)."""

from array import array
from typing import Final

from hilum.dicom.vrs import WORD_BYTES

# Words of these sizes, wherever Python runs.
_LETTERS: Final = {array(letter).itemsize: letter for letter in "HIQ"}


def swapped(raw: bytes | bytearray | memoryview, word_bytes: int) -> bytes:
    """Turn every word round; bytes behind the last whole word stay as they are."""
    whole = len(raw) - len(raw) % word_bytes
    words = array(_LETTERS[word_bytes], bytes(raw[:whole]))
    words.byteswap()
    return words.tobytes() + bytes(raw[whole:])


def in_other_order(raw: bytes, vr: str) -> bytes:
    """Give a value as it is in the other byte order."""
    word_bytes = WORD_BYTES.get(vr)
    return raw if word_bytes is None else swapped(raw, word_bytes)
