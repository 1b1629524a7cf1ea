"""The standard's tables as packaged data. Written by tools/make_tables.py, never by hand."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def rows(name: str) -> list[list[str]]:
    """Read the rows of `<name>.tsv`, as lists of cells, without the heading."""
    text = (_FOLDER / f"{name}.tsv").read_text("utf-8")
    return [line.split("\t") for line in text.splitlines()[1:]]
