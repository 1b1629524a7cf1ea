"""Where the keys and values of a TOML text stand: the parser of the standard library forgets it.

Only for text that parser has accepted. Positions are a courtesy to the reader of an error: where
this scanner cannot follow it stops, and the error has no line.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

KeyPath = tuple[str | int, ...]
Span = tuple[int, int]

_BLANK: Final = re.compile(r"(?:\s+|#[^\n]*)*")
_QUOTED: Final = r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
_KEY: Final = re.compile(rf"{_QUOTED}|[A-Za-z0-9_-]+")
_EQUALS: Final = re.compile(r"[ \t]*=[ \t]*")
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
_TEXT: Final = re.compile(rf'"""(?:[^\\]|\\.)*?"{{3,5}}|\'\'\'.*?\'{{3,5}}|{_QUOTED}', re.DOTALL)
_BARE: Final = re.compile(r"[^\s,#\]}]+(?: \d[^\s,#\]}]*)?")  # a date may have a space inside


@dataclass(frozen=True, slots=True)
class Spans:
    """Offsets from where to where each key and each value is written."""

    keys: dict[KeyPath, Span] = field(default_factory=dict)
    values: dict[KeyPath, Span] = field(default_factory=dict)


@lru_cache(maxsize=4)
def spans_of(text: str) -> Spans:
    """Find the keys and values of `text`, which is valid TOML."""
    scanner = _Scanner(text)
    with suppress(_CannotFollow):
        scanner.document()
    return scanner.spans


class _CannotFollow(Exception):
    """Not an error: the end of what the scanner understands."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.spans = Spans()
        self._text = text
        self._at = 0
        self._lengths: dict[KeyPath, int] = {}  # of the arrays of tables, [[name]]

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            table = self._header() if self._text[self._at] == "[" else self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> KeyPath:
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        self._skip(_BLANK)
        start = self._at
        names = self._names()
        end = self._at
        self._skip(_BLANK)
        self._at += 2 if is_array else 1
        path = (*self._table_path(names[:-1]), names[-1])
        if is_array:
            self._lengths[path] = self._lengths.get(path, 0) + 1
        path = self._table_path(names)
        for length in range(1, len(path) + 1):
            self.spans.keys.setdefault(path[:length], (start, end))
        self.spans.keys[path] = (start, end)
        return path

    def _table_path(self, names: tuple[str, ...]) -> KeyPath:
        """Give the path of a table; inside an array of tables that of the latest one."""
        path: KeyPath = ()
        for name in names:
            path += (name,)
            if path in self._lengths:
                path += (self._lengths[path] - 1,)
        return path

    def _pair(self, table: KeyPath) -> KeyPath:
        start = self._at
        names = self._names()
        path = (*table, *names)
        for length in range(len(table) + 1, len(path) + 1):
            self.spans.keys.setdefault(path[:length], (start, self._at))
        self._take(_EQUALS)
        self._value(path)
        return table

    def _names(self) -> tuple[str, ...]:
        names = [self._name()]
        while found := _DOT.match(self._text, self._at):
            self._at = found.end()
            names.append(self._name())
        return tuple(names)

    def _name(self) -> str:
        name = self._take(_KEY)
        return name[1:-1] if name[0] in "\"'" else name

    def _value(self, path: KeyPath) -> None:
        start = self._at
        opening = self._next()
        if opening == "[":
            self._items(path)
        elif opening == "{":
            self._members(path)
        else:
            self._take(_TEXT if opening in {'"', "'"} else _BARE)
        self.spans.values[path] = (start, self._at)

    def _items(self, path: KeyPath) -> None:
        index = 0
        self._step()
        while self._next() != "]":
            self._value((*path, index))
            index += 1
            self._comma()
        self._at += 1

    def _members(self, path: KeyPath) -> None:
        self._step()
        while self._next() != "}":
            self._pair(path)
            self._comma()
        self._at += 1

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self._next() == ",":
            self._step()

    def _step(self) -> None:
        self._at += 1
        self._skip(_BLANK)

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise _CannotFollow
        return self._text[self._at]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None or found.end() == self._at:
            raise _CannotFollow
        self._at = found.end()
        return found[0]
