"""Log lines: how they look, for machines and for people.

One line is one event. Control characters never get through, whatever a peer put into a value, and
every value and line is bounded.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from math import isfinite
from typing import Final, Literal, Protocol

from hilum.kernel.telemetry import Level
from hilum.service.sink import LINE_BYTES_MAX

# A value of a peer's making (a reason, a path) says enough in this many characters. The shorter
# steps are tried when a line would be too long: one character is up to 12 bytes of JSON.
VALUE_CHARS_MAX: Final = 1000
VALUE_CHARS_STEPS: Final = (250, 60, 20)
VALUE_ITEMS_MAX: Final = 20

JsonValue = str | int | float | list["JsonValue"] | dict[str, "JsonValue"] | None


class LogSettings(Protocol):
    """What the log needs to know of the configuration."""

    @property
    def format(self) -> Literal["console", "json"]:
        """Lines for people or for machines."""
        ...

    @property
    def level(self) -> Literal["debug", "info", "warning", "error"]:
        """The least important level that is written."""
        ...


@dataclass(slots=True)
class Line:
    """What a log line says. `said` names the fields that `message` already tells."""

    at: datetime
    level: Level
    event: str
    message: str
    fields: Mapping[str, JsonValue]
    said: frozenset[str] = frozenset()


Renderer = Callable[[Line], bytes]


def renderer(settings: LogSettings, *, is_terminal: bool) -> Renderer:
    """Choose how lines look."""
    if settings.format == "json":
        return json_line
    return colourful_line if is_terminal else console_line


def json_line(line: Line) -> bytes:
    """Render for machines: one ASCII JSON object, time in UTC."""
    head: dict[str, JsonValue] = {
        "time": line.at.isoformat(timespec="milliseconds"),
        "level": _LEVEL_NAMES[line.level],
        "event": line.event,
    }
    text = _encode({**head, "message": line.message, **line.fields})
    for length_max in VALUE_CHARS_STEPS:
        if len(text) < LINE_BYTES_MAX:
            return text.encode("ascii") + b"\n"
        message = _shortened(line.message, length_max)
        shorter = {name: plain(value, length_max) for name, value in line.fields.items()}
        text = _encode({**head, "message": message, **shorter})
    return _encode({**head, "truncated": True}).encode("ascii") + b"\n"


def console_line(line: Line) -> bytes:
    """Render for people: time, level, the sentence, and the fields it does not mention."""
    words = [line.at.isoformat(" ", "milliseconds"), f"{_LEVEL_NAMES[line.level]:7}"]
    words.append(printable(line.message or line.event))
    for name, value in line.fields.items():
        if name not in line.said:
            words.append(f"{name}={printable(str(value))}")
    text = " ".join(words).encode()
    if len(text) >= LINE_BYTES_MAX:
        text = text[: LINE_BYTES_MAX - 4].decode(errors="ignore").encode() + "…".encode()
    return text + b"\n"


def colourful_line(line: Line) -> bytes:
    """Render for people at a terminal: what needs them stands out."""
    text = console_line(line)
    colour = _COLOURS.get(line.level)
    return text if colour is None else colour + text[:-1] + b"\x1b[0m\n"


def plain(value: object, length_max: int = VALUE_CHARS_MAX) -> JsonValue:
    """Give `value` as something JSON has a word for, bounded in size."""
    if isinstance(value, str):
        return _shortened(value, length_max)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return _plain_of_rarer_kinds(value, length_max)


def _plain_of_rarer_kinds(value: object, length_max: int) -> JsonValue:
    match value:
        case Enum():
            return value.value if isinstance(value.value, str) else value.name.lower()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case list() | tuple() | set() | frozenset():
            return [plain(item, length_max) for item in list(value)[:VALUE_ITEMS_MAX]]
        case dict():
            items = list(value.items())[:VALUE_ITEMS_MAX]
            return {_shortened(str(key), 60): plain(item, length_max) for key, item in items}
        case _:
            return _shortened(str(value), length_max)


def printable(text: str) -> str:
    """Give `text` in one line that can neither move a cursor nor turn the writing direction."""
    text = _shortened(text, VALUE_CHARS_MAX)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _shortened(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else text[:length_max] + "…"


# ASCII only: CR, LF, ESC, U+2028 and their kind leave as escapes, so one event stays one line.
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_LEVEL_NAMES: Final = {level: level.name.lower() for level in Level}
_COLOURS: Final = {Level.DEBUG: b"\x1b[2m", Level.WARNING: b"\x1b[33m", Level.ERROR: b"\x1b[1;31m"}
