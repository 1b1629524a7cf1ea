"""The few Markdown blocks a statement is made of. A block is one string; blank lines come later."""

from collections.abc import Iterable, Sequence
from typing import Final

_RULE: Final = "---"


def heading(level: int, text: str) -> str:
    """Give a heading."""
    return f"{'#' * level} {text}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Give a table; what is in a cell cannot break it."""
    lines = [heads, [_RULE] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def bullets(*lines: str) -> str:
    """Give a list."""
    return "\n".join(f"- {line}" for line in lines)


def code(text: object) -> str:
    """Give `text` as something to be typed or compared letter by letter."""
    return f"`{text}`"


def document(blocks: Iterable[str]) -> str:
    """Put blocks together: a blank line between them, one line break at the end."""
    return "\n\n".join(blocks) + "\n"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
