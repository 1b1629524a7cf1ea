"""Every section and option there is, read from the settings types: one list for all who need it.

Error messages, environment overrides, the file that `hilum init` writes and the reference page
come from here, so that none of them can forget an option.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from hilum.service.config_positions import KeyPath
from hilum.service.config_settings import json_schema

TYPE: Final = "type"  # the key that says which kind of a table it is
ANY_NAME: Final = "<name>"  # stands for a name the user chooses, as in peers.<name>

Schema = Mapping[str, Any]
_NO_TABLE: Final[Mapping[str, Any]] = MappingProxyType({})


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
    """One table of the file. An optional one is not there unless it is written.

    `variant`: it is there only where the table of a user's name has this `type`. `is_list`: there
    may be several of it.
    """

    path: tuple[str, ...]
    description: str
    options: tuple[Option, ...]
    is_optional: bool
    variant: str = ""
    is_list: bool = False

    @property
    def title(self) -> str:
        """Write it as in the file: `[sources.dimse]`, `[[routes]]`."""
        title = f"[{'.'.join(self.path)}]"
        return f"[{title}]" if self.is_list and len(self.path) == 1 else title

    @property
    def label(self) -> str:
        """Write it so that no other section is meant."""
        return f'{self.title} with {TYPE} = "{self.variant}"' if self.variant else self.title

    def is_at(self, path: KeyPath, table: Mapping[str, Any]) -> bool:
        """Tell whether it is what stands at `path` of the file that was read as `table`."""
        names = tuple(key for key in path if isinstance(key, str))
        return _fits(self.path, names) and self.variant in {"", _type_at(names, table)}


@cache
def sections() -> tuple[Section, ...]:
    """List every section in the order of the file; the first one is the file itself."""
    schema = json_schema()
    return tuple(_sections(schema, schema, (), is_optional=False))


def section_at(path: KeyPath, table: Mapping[str, Any] = _NO_TABLE) -> Section | None:
    """Find the section that is written at `path`.

    `table` is the whole file: where a section depends on a `type`, that says which it is.
    """
    found = next((one for one in sections() if one.is_at(path, table)), None)
    names = tuple(key for key in path if isinstance(key, str))
    return found or next((one for one in sections() if _fits(one.path, names)), None)


def option_at(path: KeyPath, table: Mapping[str, Any] = _NO_TABLE) -> Option | None:
    """Find the option that is written at `path`."""
    section = section_at(path[:-1], table) if path else None
    options = section.options if section else ()
    return next((one for one in options if one.key == path[-1]), None)


def subsections(path: KeyPath, table: Mapping[str, Any] = _NO_TABLE) -> tuple[str, ...]:
    """Name the tables directly below the section at `path`."""
    names = tuple(key for key in path if isinstance(key, str))
    depth = len(names)
    kind = _type_at(names, table)
    below = (one for one in sections() if len(one.path) > depth and one.variant in {"", kind})
    return tuple(dict.fromkeys(one.path[depth] for one in below if _fits(one.path[:depth], names)))


def _type_at(names: tuple[str, ...], table: Mapping[str, Any]) -> str:
    """Give the `type` of the table of a user's name that `names` leads into."""
    try:
        kind = table[names[0]][names[1]][TYPE]
    except (LookupError, TypeError):
        return ""
    return kind if isinstance(kind, str) else ""


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(
        wanted in {ANY_NAME, found} for wanted, found in zip(pattern, path, strict=True)
    )


def _sections(
    root: Schema, schema: Schema, path: tuple[str, ...], *, is_optional: bool, variant: str = ""
) -> Iterator[Section]:
    """List a table and those inside it; `schema` is the table's, or that of a list of tables."""
    table = _table(root, schema)
    inner = {key: _resolve(root, value) for key, value in table.get("properties", {}).items()}
    options = tuple(
        _option(key, value, is_required=key in table.get("required", ()))
        for key, value in inner.items()
        if not _table(root, value)
    )
    if "properties" in table:
        description = table.get("description", "")
        is_list = "properties" not in schema
        yield Section(path, description, options, is_optional, variant, is_list)
    for key, value in inner.items():
        if found := _table(root, value):
            is_bare = "properties" in value and not _must_be_written(found)
            optional = is_optional or not is_bare
            at = (*path, key)
            yield from _sections(root, value, at, is_optional=optional, variant=variant)
    for value in table.get("patternProperties", {}).values():
        named = _resolve(root, value)
        for kind, one in _variants(root, named):
            at = (*path, ANY_NAME)
            yield from _sections(root, one, at, is_optional=True, variant=kind)


def _variants(root: Schema, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Give the kinds of a table that depends on its `type`; of any other just itself."""
    for one in schema.get("oneOf", (schema,)):
        found = _resolve(root, one)
        kind = found["properties"][TYPE]["const"] if "oneOf" in schema else ""
        yield kind, found


def _must_be_written(schema: Schema) -> bool:
    return bool(schema.get("required"))


def _table(root: Schema, schema: Schema) -> Schema:
    """Give the table that a schema is, or is a list of; nothing when it is neither."""
    if "properties" in schema or "patternProperties" in schema:
        return schema
    alternatives = [_resolve(root, one) for one in schema.get("anyOf", ())]
    items = _resolve(root, schema.get("items", {}))
    found = next((one for one in (*alternatives, items) if "properties" in one), _NO_TABLE)
    # What is said about the place goes before what is said about the table.
    own = {"description": schema["description"]} if "description" in schema else {}
    return {**found, **own} if found and "format" not in schema else _NO_TABLE


def _resolve(root: Schema, schema: Schema) -> Schema:
    """Follow a reference; what is said beside it about the place goes before what it says."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    return {**root["$defs"][name], **schema}


def _option(key: str, schema: Schema, *, is_required: bool) -> Option:
    return Option(
        key=key,
        description=schema.get("description", ""),
        kinds=_kinds(schema),
        expected=_expected(schema),
        expected_item=_expected(_item(schema)),
        choices=_choices(schema),
        default=schema.get("default"),
        example=next(iter(schema.get("examples", ())), schema.get("const")),
        is_required=is_required,
        is_secret=schema.get("format") == "password",
    )


def _kinds(schema: Schema) -> frozenset[str]:
    if "anyOf" in schema:
        return frozenset(kind for one in schema["anyOf"] for kind in _kinds(one))
    return frozenset((schema["type"],))


def _choices(schema: Schema) -> tuple[str, ...]:
    """Give the words that may be written, also where a list of them may."""
    if "const" in schema:
        return (schema["const"],)
    within = schema.get("items") or schema.get("anyOf", ({},))[0]
    return tuple(schema.get("enum", within.get("enum", ())))


def _item(schema: Schema) -> Schema:
    items: Schema = schema.get("items", schema.get("anyOf", (schema,))[0])
    return items


def _expected(schema: Schema) -> str:
    """Say in words what may be written, with its bounds."""
    if schema.get("format") in _TEXTS:
        return _TEXTS[schema["format"]]
    if "anyOf" in schema:
        return _expected_of_several(schema["anyOf"][0])
    if "enum" in schema or "const" in schema:
        return one_of(_choices(schema))
    if schema["type"] == "array":
        return f"a list of {_expected(schema['items'])}"
    if schema["type"] == "string":
        return _text(schema.get("minLength", 0), schema.get("maxLength"))
    return _OTHERS[schema["type"]] + _bounds(schema, str)


def _text(shortest: int, longest: int | None) -> str:
    """Say how long a text may be; that it must not be empty goes without the numbers."""
    if shortest > 1:
        return f"a text of {shortest} {f'to {longest}' if longest else 'or more'} characters"
    least = "a text that is not empty" if shortest else "a text"
    return f"{least}, of {longest} characters at most" if longest else least


def _expected_of_several(first: Schema) -> str:
    """Say it where there are two ways to write one thing, the first of which is `first`."""
    match first.get("type"):
        case "integer":
            return f"a size{_bounds(first, size_text)}"
        case "number":
            return f"a time{_bounds(first, duration_text)}"
        case _:
            return f"{_expected(first)}, or a list of them"


_TEXTS: Final = {
    "answerer": "a destination or a group of them",
    "stores": '"keep" or { through = "<destination>" }',
    "calendar": 'a calendar such as "mon-fri 07:00-19:00"',
    "conditions": "a table of conditions",
    "name": "a name of 1 to 64 letters, digits, hyphens or underscores",
    "path": "a path",
    "step": "the name of a step",
    "target": "a destination or a group of them",
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


def duration_text(seconds: float) -> str:
    """Write a number of seconds as people do: `30 min`, `7 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def size_text(count: int) -> str:
    """Write a number of bytes as people do: `256 KiB`, `1 GB`."""
    texts = [
        f"{count // base**power} {prefix}{infix}B"
        for base, infix in ((1024, "i"), (1000, ""))
        for power, prefix in reversed(tuple(enumerate("KMGTPE", 1)))
        if count and count % base**power == 0
    ]
    # 2 TB are also a whole number of KiB, which nobody would write.
    return min(texts, key=len) if texts else f"{count} bytes" if count else "0"
