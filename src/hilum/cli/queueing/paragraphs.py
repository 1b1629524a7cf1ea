"""Paragraphs on a terminal: wrapped in their column, without blanks at the ends of lines."""

from typing import Final

from rich.console import Console
from rich.text import Text

_WIDTH_MIN: Final = 20


def show(console: Console, text: Text, indent: int = 0) -> None:
    """Print `text`, all of its lines `indent` columns from the left."""
    width = max(console.width - indent, _WIDTH_MIN)
    for line in text.wrap(console, width):
        line.rstrip()
        console.print(Text.assemble(" " * indent, line), soft_wrap=True)


def sentence(text: str) -> str:
    """Begin it with a capital letter and end it with a stop."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", ")")) else f"{text}."
