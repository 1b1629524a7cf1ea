"""The configuration file as text: read it, parse it, and say where a key or a value stands."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hilum.service.config_errors import InvalidConfig, Place, Problem
from hilum.service.config_positions import KeyPath, Span, spans_of

FILE_BYTES_MAX: Final = 4 * 1024 * 1024  # ten thousand peers; more is not a configuration file
EXCERPT_LENGTH_MAX: Final = 200  # a longer line does not help anybody on a terminal

# What the parser says, and the same for somebody who does not write TOML every day.
_IN_WORDS: Final = {
    "Invalid value": (
        "this is not a value",
        'Text stands in quotes, as in host = "10.1.2.3"; true, false and numbers do not',
    ),
    r"Illegal character '\n'": (
        "a text is not closed on its line",
        "Add the quote that is missing",
    ),
    "Unterminated string": ("a text is not closed", "Add the quotes that are missing"),
    "Unescaped '\\'": (
        "a backslash between double quotes starts a special character",
        r"Use single quotes: 'D:\images'",
    ),
    "Cannot overwrite a value": ("this key has a value already", "Keep one of the two"),
    "Cannot declare": ("this section is there already", "Bring the two together"),
    "Duplicate inline table key": ("this key is there already", "Keep one of the two"),
    "Expected '='": (
        'there is no "=" after the key',
        'A setting is written key = value, a section [name]; "#" starts a comment',
    ),
    "Expected newline": (
        "there is more on this line than one setting",
        "Text stands in quotes; each setting has a line of its own",
    ),
    "Unclosed array": ("a list is not closed", 'Add the "]" that is missing'),
    "Unclosed inline table": ("a table is not closed", 'Add the "}" that is missing'),
    "Expected ']": ("the name of a section is not closed", 'Add the "]" that is missing'),
    "Invalid initial character": (
        "a key cannot start like this",
        'A key has letters, digits, "_" and "-"; a table in braces stands on one line',
    ),
}
# "(at line 3, column 12)" or "(at end of document)": all that tomllib says about the place.
_WHERE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed configuration file, or the absence of one."""

    file: str = ""
    folder: Path = field(default_factory=Path.cwd)
    text: str = ""
    table: Mapping[str, Any] = field(default_factory=dict)

    def place_of_key(self, path: KeyPath) -> Place | None:
        """Say where the key at `path` is written, or the nearest table round it that is."""
        return self._place(path, spans_of(self.text).keys)

    def place_of_value(self, path: KeyPath) -> Place | None:
        """Say where the value at `path` is written; where its key is when it is a table."""
        spans = spans_of(self.text)
        return self._place(path, {**spans.keys, **spans.values})

    def _place(self, path: KeyPath, spans: Mapping[KeyPath, Span]) -> Place | None:
        for length in range(len(path), 0, -1):
            if span := spans.get(path[:length]):
                return _place(self.file, self.text, span)
        return None


def read_document(path: Path) -> Document:
    """Read and parse the file at `path`.

    Raises:
        InvalidConfig: it cannot be read, is not UTF-8 or not TOML; says which line.
    """
    text = _decode(path, _read(path))
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise _unreadable(path, "lists or tables are nested too deep") from None
    except ValueError as error:
        # Also what int() says about thousands of digits; that one has no place.
        raise InvalidConfig([_syntax_problem(path, text, str(error))]) from error
    return Document(str(path), path.absolute().parent, text, table)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise _unreadable(
            path, "there is no such file", "`hilum init` writes one to start from"
        ) from None
    except OSError as error:
        raise _unreadable(path, f"it cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise _unreadable(path, f"it has more than {FILE_BYTES_MAX} bytes", "Is it the right file?")
    return content


def _decode(path: Path, content: bytes) -> str:
    try:
        # Editors on Windows put a byte order mark in front.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        problem = Problem(
            "",
            f"byte 0x{content[error.start]:02X} is not UTF-8",
            "Save the file as UTF-8",
            origin=Place(str(path), line, column),
        )
        raise InvalidConfig([problem]) from error
    return text.replace("\r\n", "\n")


def _unreadable(path: Path, why: str, remedy: str = "") -> InvalidConfig:
    return InvalidConfig([Problem("", why, remedy, origin=Place(str(path)))])


def _syntax_problem(path: Path, text: str, said: str) -> Problem:
    found = _WHERE.search(said)
    words = said[: found.start()] if found else said
    offset = len(text)
    if found and found[1]:
        starts = _line_starts(text)
        offset = starts[int(found[1]) - 1] + int(found[2]) - 1
    place = _place(str(path), text, (offset, offset + 1))
    known = (_IN_WORDS[start] for start in _IN_WORDS if words.startswith(start))
    message, remedy = next(known, (f"this is not TOML: {words}", ""))
    return Problem("", message, remedy, origin=place)


def _line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer("\n", text))]


def _place(file: str, text: str, span: Span) -> Place:
    starts = _line_starts(text)
    line = bisect_right(starts, span[0])
    start = starts[line - 1]
    excerpt = text[start:].partition("\n")[0]
    column = span[0] - start + 1
    width = max(1, min(span[1], start + len(excerpt)) - span[0])
    return Place(file, line, column, _without_secrets(text, start, excerpt), width)


# Generous on purpose: a misspelt "pasword" is as secret as a password.
_SECRET: Final = re.compile(
    r"""[\w-]*(?:pas+w|pwd|secret|token)[\w-]*(?<!_file)["']?\s*=\s*""", re.IGNORECASE
)


def _without_secrets(text: str, start: int, line: str) -> str:
    """Hide what follows the name of a secret; in the middle of a multi-line text, everything."""
    if len(line) > EXCERPT_LENGTH_MAX:
        return ""
    before = text[:start]
    if before.count('"""') % 2 or before.count("'''") % 2:
        return "(hidden)"
    found = _SECRET.search(line)
    return f"{line[: found.end()]}(hidden)" if found else line
