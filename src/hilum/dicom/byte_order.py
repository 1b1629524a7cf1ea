"""Words the other way round: what changing the byte order does to values (PS3.5 §7.3)."""

from hilum.dicom.vrs import WORD_BYTES


def swapped(raw: bytes | bytearray | memoryview, word_bytes: int) -> bytes:
    """Turn every word round; bytes behind the last whole word stay as they are."""
    whole = len(raw) - len(raw) % word_bytes
    turned = bytearray(raw)
    for place in range(word_bytes):
        turned[place:whole:word_bytes] = raw[word_bytes - 1 - place : whole : word_bytes]
    return bytes(turned)


def in_other_order(raw: bytes, vr: str) -> bytes:
    """Give a value as it is in the other byte order."""
    word_bytes = WORD_BYTES.get(vr)
    return raw if word_bytes is None else swapped(raw, word_bytes)
