"""Whether two files have the same bytes. Blocks: for threads."""

from pathlib import Path
from typing import Final

_PIECE_BYTES: Final = 256 * 1024


def same_bytes(one: Path, other: Path) -> bool:
    """Compare two files. Raises OSError: one of them cannot be read."""
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while piece := left.read(_PIECE_BYTES):
            if piece != right.read(_PIECE_BYTES):
                return False
    return True
