"""Single bits of a header, the lowest of each byte first (ISO 18181-1 §B.2)."""

from hilum.imaging.refusal import DamagedPixels


class BitReader:
    """Takes bits from the start of some bytes."""

    def __init__(self, content: bytes) -> None:
        self._rest = int.from_bytes(content, "little")
        self._left = len(content) * 8

    def take(self, count: int) -> int:
        """Give the next bits as a number. Raises DamagedPixels at the end."""
        if count > self._left:
            raise DamagedPixels("the codestream ends inside its header")
        taken = self._rest & ((1 << count) - 1)
        self._rest >>= count
        self._left -= count
        return taken
