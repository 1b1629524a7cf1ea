"""Overrides from the environment, and secrets from files.

`HILUM__GATEWAY__AE_TITLE=CT` sets gateway.ae_title. A value is read as the setting needs it: text
stays text, lists are written as in TOML. `..._FILE` reads a secret from the file it names.
"""

import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from hilum.service.config_errors import Problem, Variable
from hilum.service.config_explain import dotted, shown
from hilum.service.config_options import Option, option_at, section_at, subsections
from hilum.service.config_positions import KeyPath
from hilum.service.config_source import Source
from hilum.service.config_toml import Document

PREFIX: Final = "HILUM__"
FILE_SUFFIX: Final = "_file"
SECRET_BYTES_MAX: Final = 65536  # a longer one does not fit a user identity item (PS3.7 §D.3.3.7)

Table = dict[str, Any]


def read_source(document: Document, environ: Mapping[str, str]) -> tuple[Source, list[Problem]]:
    """Lay the environment over the file and read the secrets that are kept in files."""
    table: Table = deepcopy(dict(document.table))
    variables: dict[KeyPath, str] = {}
    problems: list[Problem] = []
    for name in sorted(environ):
        if name.startswith(PREFIX):
            problems += _override(table, variables, name, environ[name])
    source = Source(document, variables, table)
    problems += _read_secrets(source, table)
    return source, problems


def _override(table: Table, variables: dict[KeyPath, str], name: str, text: str) -> list[Problem]:
    words = name[len(PREFIX) :].split("__")
    if not all(words):
        remedy = f"Such a name is {PREFIX}SECTION__KEY; correct it or remove the variable"
        return [Problem("", "it names no setting", remedy, origin=Variable(name))]
    path: KeyPath = ()
    inner = table
    for word in words[:-1]:
        key = _spelt(table, inner, path, word)
        path += (key,)
        if key not in inner:
            inner[key] = {}
            variables[path] = name
        if not isinstance(inner[key], dict):
            return []  # the file has something else where a section belongs: told there
        inner = inner[key]
    path += (_spelt(table, inner, path, words[-1]),)
    _set(table, inner, variables, path, text)
    variables[path] = name
    return []


def _set(
    whole: Table, table: Table, variables: dict[KeyPath, str], path: KeyPath, text: str
) -> None:
    *section, key = path
    table[str(key)] = _read_value(text, option_at(path, whole))
    for secret, file in _secrets(tuple(section), whole):
        # A secret from here replaces the one of the file, in whichever way that gives it.
        other = {secret: file, file: secret}.get(str(key), "")
        if (*section, other) not in variables:
            table.pop(other, None)


def _spelt(whole: Table, table: Table, path: KeyPath, word: str) -> str:
    """Find the key that the `word` of a variable's name stands for in the `table` at `path`."""
    section = section_at(path, whole)
    options = section.options if section else ()
    known = (*table, *(option.key for option in options), *subsections(path, whole))
    return next((key for key in known if _folded(key) == _folded(word)), word.lower())


def _folded(key: str) -> str:
    return key.lower().replace("-", "_")  # a hyphen cannot be in a variable's name


def _read_value(text: str, option: Option | None) -> Any:
    """Read `text` as the setting wants it; what it cannot be stays text and is told later."""
    if option and option.is_secret:
        return text
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
    if option and "string" in option.kinds and _kind(value) not in option.kinds:
        return text
    return value


def _kind(value: object) -> str:
    """Name the kind of `value` as JSON Schema does."""
    return {bool: "boolean", int: "integer", str: "string", list: "array"}.get(type(value), "other")


def _secrets(section: KeyPath, table: Table) -> list[tuple[str, str]]:
    """List the secrets of a section, each with the key that names its file."""
    found = section_at(section, table)
    options = found.options if found else ()
    return [(one.key, f"{one.key}{FILE_SUFFIX}") for one in options if one.is_secret]


def _read_secrets(source: Source, table: Table, section: KeyPath = ()) -> Iterator[Problem]:
    for secret, file in _secrets(section, dict(source.table)):
        name = table.get(file)
        if isinstance(name, str) and secret in table:
            message = f"{secret} and {file} are both set; a secret comes from one place"
            yield _about(source, (*section, file), message, "Remove one of the two")
        elif isinstance(name, str):
            try:
                table[secret] = _read_secret(source.document.folder / Path(name).expanduser())
            except (OSError, ValueError, RuntimeError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                yield _about(source, (*section, file), f"cannot read {shown(name)}: {why}", "")
    for key, inner in table.items():
        if isinstance(inner, dict):
            yield from _read_secrets(source, inner, (*section, key))


def _about(source: Source, path: KeyPath, message: str, remedy: str) -> Problem:
    return Problem(dotted(path), message, remedy, None, source.origin_of_value(path))


def _read_secret(path: Path) -> str:
    """Read a secret without the line break that editors put at its end."""
    with path.open("rb") as stream:
        content = stream.read(SECRET_BYTES_MAX + 1)
    if len(content) > SECRET_BYTES_MAX:
        raise ValueError(f"it has more than {SECRET_BYTES_MAX} bytes")
    try:
        secret = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if not secret:
        raise ValueError("it is empty")
    return secret
