"""Every section and option there is, read from the settings types: one list for all who need it.

Error messages, environment overrides, the file that `hilum init` writes and the reference page
come from here, so that none of them can forget an option.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from hilum.service.config_settings import json_schema

ANY_NAME: Final = "<name>"  # stands for a name the user chooses, as in peers.<name>

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a section. `default` is absent (None) when it must or need not be set."""

    key: str
    description: str
    kinds: frozenset[str]  # as JSON Schema calls them: string, integer, number, boolean, array
    expected: str
    expected_item: str  # the same for one item of a list
    choices: tuple[str, ...]
    default: Any
    example: Any
    is_required: bool
    is_secret: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the file. An optional one is not there unless it is written."""

    path: tuple[str, ...]
    description: str
    options: tuple[Option, ...]
    is_optional: bool

    @property
    def title(self) -> str:
        """Write it as in the file: `[sources.dimse]`."""
        return f"[{'.'.join(self.path)}]"


@cache
def sections() -> tuple[Section, ...]:
    """List every section in the order of the file; the first one is the file itself."""
    schema = json_schema()
    return tuple(_sections(schema, schema, (), is_optional=False))


def section_at(path: tuple[str | int, ...]) -> Section | None:
    """Find the section that is written at `path`."""
    return next((one for one in sections() if _fits(one.path, path)), None)


def option_at(path: tuple[str | int, ...]) -> Option | None:
    """Find the option that is written at `path`."""
    section = section_at(path[:-1]) if path else None
    options = section.options if section else ()
    return next((one for one in options if one.key == path[-1]), None)


def subsections(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """Name the tables directly below the section at `path`."""
    depth = len(path)
    below = (one.path for one in sections() if len(one.path) > depth)
    return tuple(dict.fromkeys(one[depth] for one in below if _fits(one[:depth], path)))


def _fits(pattern: tuple[str, ...], path: tuple[str | int, ...]) -> bool:
    return len(pattern) == len(path) and all(
        wanted in {ANY_NAME, found} for wanted, found in zip(pattern, path, strict=True)
    )


def _sections(
    root: Schema, schema: Schema, path: tuple[str, ...], *, is_optional: bool
) -> Iterator[Section]:
    inner = {key: _resolve(root, value) for key, value in schema.get("properties", {}).items()}
    options = tuple(
        _option(key, value, is_required=key in schema.get("required", ()))
        for key, value in inner.items()
        if not _is_table(value)
    )
    if "properties" in schema:
        yield Section(path, schema.get("description", ""), options, is_optional)
    for key, value in inner.items():
        if _is_table(value):
            yield from _sections(root, value, (*path, key), is_optional=_must_be_written(value))
    for value in schema.get("patternProperties", {}).values():
        named = _resolve(root, value)
        yield from _sections(root, named, (*path, ANY_NAME), is_optional=True)


def _must_be_written(schema: Schema) -> bool:
    return bool(schema.get("required"))


def _is_table(schema: Schema) -> bool:
    return schema.get("type") == "object"


def _resolve(root: Schema, schema: Schema) -> Schema:
    """Follow a reference; what is said beside it about the place goes before what it says."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    return {**root["$defs"][name], **schema}


def _option(key: str, schema: Schema, *, is_required: bool) -> Option:
    alternatives = schema.get("anyOf", (schema,))
    return Option(
        key=key,
        description=schema.get("description", ""),
        kinds=frozenset(one["type"] for one in alternatives),
        expected=_expected(schema),
        expected_item=_expected(_item(schema)),
        choices=tuple(schema.get("enum", schema.get("items", {}).get("enum", ()))),
        default=schema.get("default"),
        example=next(iter(schema.get("examples", ())), None),
        is_required=is_required,
        is_secret=schema.get("format") == "password",
    )


def _item(schema: Schema) -> Schema:
    items: Schema = schema.get("items", schema.get("anyOf", (schema,))[0])
    return items


def _expected(schema: Schema) -> str:
    """Say in words what may be written, with its bounds."""
    alternatives = schema.get("anyOf", ())
    if alternatives and alternatives[0]["type"] == "integer":
        return f"a size{_bounds(alternatives[0], size_text)}"
    if alternatives:
        return f"{_expected(alternatives[0])}, or a list of them"
    if "enum" in schema:
        return one_of(schema["enum"])
    if schema["type"] == "array":
        return f"a list of {one_of(schema['items']['enum'])}"
    if schema["type"] == "string":
        plain = "a text that is not empty" if "minLength" in schema else "a text"
        return _TEXTS.get(schema.get("format", ""), plain)
    return _OTHERS[schema["type"]] + _bounds(schema, str)


_TEXTS: Final = {
    "path": "a path",
    "ae-title": "an AE title (1 to 16 characters)",
    "host": "an IP address or a host name",
    "address": "an IP address, a CIDR range or a host name",
}
_OTHERS: Final = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}


def one_of(choices: Sequence[str]) -> str:
    """List `choices` as they are written in the file."""
    return any_of([f'"{choice}"' for choice in choices])


def any_of(words: Sequence[str]) -> str:
    """List `words` as a sentence does: a, b or c."""
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _bounds(schema: Schema, written: Callable[[int], str]) -> str:
    to = "to" if "minimum" in schema else "up to"
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": to}
    present = ((word, schema[key]) for key, word in words.items() if key in schema)
    return "".join(f" {word} {written(bound)}" for word, bound in present)


def size_text(count: int) -> str:
    """Write a number of bytes as people do: `256 KiB`, `1 GB`."""
    for base, infix in ((1024, "i"), (1000, "")):
        for power, prefix in reversed(tuple(enumerate("KMGTPE", 1))):
            if count and count % base**power == 0:
                return f"{count // base**power} {prefix}{infix}B"
    return f"{count} bytes" if count else "0"
