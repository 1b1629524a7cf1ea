"""From what the validator found to what a person should read: found, expected, what to do."""

import json
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from pydantic_core import ErrorDetails

from hilum.service.config_errors import Problem
from hilum.service.config_options import (
    ANY_NAME,
    TYPE,
    Option,
    any_of,
    one_of,
    option_at,
    section_at,
    sections,
    subsections,
)
from hilum.service.config_positions import KeyPath
from hilum.service.config_source import Source

VALUE_LENGTH_MAX: Final = 60  # what is longer is cut: a message is a line or two

# Words from other systems and from haste, for what has another name here.
_ALSO_CALLED: Final = {
    "address": "host",
    "answerers": "answers",
    "addresses": "host",
    "aet": "ae_title",
    "ca": "client_ca",
    "cert": "certificate",
    "directory": "data",
    "folder": "data",
    "source": "from",
    "ip": "host",
    "may": "services",
    "mwl": "worklist",
    "name": "ae_title",
    "timeout_seconds": "deadline_seconds",
    "path": "data",
    "private_key": "key",
    "processes": "workers",
    "query": "find",
    "retrieve": "move",
    "services": "may",
    "storage": "data",
    "title": "ae_title",
    "verification": "echo",
}


def explain(source: Source, errors: Iterable[ErrorDetails]) -> Iterator[Problem]:
    """Turn what the validator found into problems."""
    found = _without_other_kinds(list(errors))
    meant = {_meant(source, error["loc"]) for error in found if error["type"] == "extra_forbidden"}
    for error in found:
        # A misspelt key that must be there is one mistake, and one problem.
        if error["type"] != "missing" or error["loc"] not in meant:
            yield _explained(source, error)


def _without_other_kinds(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out that a table is not true or false, where it may be either and has an error."""
    inner = {error["loc"][:-1] for error in errors}
    return [one for one in errors if not (one["type"] == "bool_type" and one["loc"] in inner)]


def _meant(source: Source, path: KeyPath) -> KeyPath:
    """Say which key the unknown one at `path` was probably meant to be."""
    return (*path[:-1], nearest(str(path[-1]), _known_in(source, path[:-1])) or "")


def _known_in(source: Source, section: KeyPath) -> tuple[str, ...]:
    found = section_at(section, source.table)
    options = found.options if found else ()
    return (*(option.key for option in options), *subsections(section, source.table))


def _explained(source: Source, error: ErrorDetails) -> Problem:
    path = error["loc"]
    if error["type"] == "union_tag_not_found":
        return _missing(source, (*path, TYPE))
    if error["type"] == "union_tag_invalid":
        return _wrong_type(source, (*path, TYPE))
    if error["type"] == "missing":
        return _missing(source, path)
    if error["type"] == "extra_forbidden":
        return _unknown(source, path)
    if path[-1] == "[key]":
        return _bad_name(source, path[:-1])
    return _wrong_value(source, error)


def dotted(path: KeyPath) -> str:
    """Write a path as people say it: `peers.ct1.host[0]`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)[1:]


def _title(path: KeyPath) -> str:
    """Write the heading of the section at `path`; which one of a list the line says."""
    return f"[[{dotted(path[:-1])}]]" if isinstance(path[-1], int) else f"[{dotted(path)}]"


def shown(value: object) -> str:
    """Write a value as it would stand in the file, cut when it is long."""
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_LENGTH_MAX else f"{text[: VALUE_LENGTH_MAX - 1]}…"


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Find what `word` was probably meant to be."""
    if len(word) > VALUE_LENGTH_MAX:
        return None  # nothing of ours is as long, and comparing takes its time
    known = {candidate.lower(): candidate for candidate in candidates}
    key = word.lower().replace("-", "_")
    close = get_close_matches(key, known, n=1, cutoff=0.7)
    guess = close[0] if close else _ALSO_CALLED.get(key, "")
    return known.get(guess) or known.get(_same_words(key, known))


def _same_words(key: str, known: Iterable[str]) -> str:
    """Find the one that has all words of `key`, or has no others: data for data_folder."""
    words = set(key.split("_"))
    near = [name for name in known if (own := set(name.split("_"))) <= words or words <= own]
    return near[0] if len(near) == 1 else ""


def _missing(source: Source, path: KeyPath) -> Problem:
    key, title = str(path[-1]), _title(path[:-1])
    option = option_at(path, source.table)
    remedy = f"Add a line such as {key} = {shown(option.example)}" if option else ""
    message = f"{title} has no {key}, which it must have"
    return Problem(dotted(path), message, remedy, None, source.origin_of_key(path[:-1]))


def _wrong_type(source: Source, path: KeyPath) -> Problem:
    """Tell of a table whose `type` is none of those there are."""
    kinds = [one.variant for one in sections() if one.variant and one.path == (path[0], ANY_NAME)]
    value = source.value_at(path)
    guess = nearest(value, kinds) if isinstance(value, str) else None
    return Problem(
        dotted(path),
        f"found {_found(value)}, expected {one_of(kinds)}",
        f"Did you mean {shown(guess)}?" if guess else "",
        shown(value),
        source.origin_of_value(path),
    )


def _bad_name(source: Source, path: KeyPath) -> Problem:
    name, noun = shown(path[-1]), _noun(path)
    article = "an" if noun == "entity" else "a"
    title = "; the AE title goes in ae_title" if noun in {"peer", "entity"} else ""
    return Problem(
        dotted(path),
        f"{name} cannot be the name of {article} {noun}; a name has 1 to 64 letters, digits, "
        "hyphens or underscores",
        f"The name is for logs and metrics only, choose any{title}",
        name,
        source.origin_of_key(path),
    )


def _noun(path: KeyPath) -> str:
    nouns = {"entities": "entity", "prefetch": "rule of prefetching"}
    return nouns.get(str(path[0]), str(path[0]).removesuffix("s"))


def _unknown(source: Source, path: KeyPath) -> Problem:
    key, parent = str(path[-1]), path[:-1]
    where = f"setting {key} in {_title(parent)}" if parent else f"section or setting {key}"
    # The value is not shown: a misspelt password is still one.
    return Problem(
        dotted(path),
        f"there is no {where}",
        _instead(source, parent, key),
        None,
        source.origin_of_key(path),
    )


def _instead(source: Source, parent: KeyPath, key: str) -> str:
    near = _known_in(source, parent)
    if guess := nearest(key, near):
        return _did_you_mean(source, (*parent, key), guess)
    if flat := _settings_of(parent, key, near):
        return f"Write {', '.join(flat)} here, without a table around them"
    if elsewhere := [one.title for one in sections() if _holds(one.path, key)]:
        return f"Did you mean {any_of(elsewhere)}?"
    if elsewhere := [one.label for one in sections() if key in {o.key for o in one.options}]:
        return f"It belongs in {any_of(elsewhere)}"
    return f"There are {', '.join(near)}"


def _settings_of(parent: KeyPath, key: str, near: Iterable[str]) -> Sequence[str]:
    """Name what section `key` of a relative of `parent` has, if `parent` has all that by itself."""
    known = [
        option.key
        for one in sections()
        if one.path[-1:] == (key,) and one.path[:1] == parent[:1]
        for option in one.options
    ]
    return known if set(known) <= set(near) else ()


def _holds(path: tuple[str, ...], key: str) -> bool:
    """Tell whether `key` names the section at `path`, as [dimse] for [sources.dimse]."""
    names = [name for name in path if name != ANY_NAME]
    return len(names) > 1 and nearest(key, names[-1:]) is not None


def _did_you_mean(source: Source, path: KeyPath, guess: str) -> str:
    if variable := source.variable_of(path):
        words = variable.name.split("__")
        words[len(path)] = guess.upper()
        return f"Did you mean {'__'.join(words)}?"
    right = (*path[:-1], guess)
    if source.has(right) and not isinstance(source.value_at(right), dict):
        return f"The right word is {guess}, which is set as well: remove this one"
    return f"Did you mean {guess}?"


def _wrong_value(source: Source, error: ErrorDetails) -> Problem:
    path = error["loc"]
    option = option_at(tuple(key for key in path if isinstance(key, str)), source.table)
    value = source.value_at(path)
    # A table may have secrets in it.
    is_secret = (option is not None and option.is_secret) or isinstance(value, dict)
    return Problem(
        dotted(path),
        _message(source, error, value, option),
        _remedy(source, error, value, option),
        None if is_secret else shown(value),
        source.origin_of_value(path),
    )


def _remedy(source: Source, error: ErrorDetails, value: object, option: Option | None) -> str:
    path = error["loc"]
    if option:
        return _rewritten(source, path, value, option)
    return "" if error["type"] == "value_error" else _as_section(source, path)


def _message(source: Source, error: ErrorDetails, value: object, option: Option | None) -> str:
    path = error["loc"]
    if error["type"] == "value_error":
        text = str(error["ctx"]["error"])
        written = repr(value)[1:-1]
        return text.replace(written, _cut(written)) if isinstance(value, str) else text
    if option is None:
        section = section_at(path, source.table)
        expected = section.title if section and section.is_list else "a section"
        return f"found {_found(value)}, expected {expected}"
    found = f"a {_kind(value)}" if option.is_secret else _found(value)
    expected = option.expected_item if isinstance(path[-1], int) else option.expected
    return f"found {found}, expected {expected}"


def _found(value: object) -> str:
    if isinstance(value, bool):
        return shown(value)
    if isinstance(value, dict):
        return "a table"  # which may have secrets in it
    return f"the {_kind(value)} {shown(value)}"


def _kind(value: object) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", list: "list"}
    return kinds.get(type(value), "table" if isinstance(value, dict) else "date")


_EXAMPLES: Final[dict[str | int, str]] = {
    "peers": "with a name of its own, such as [peers.ct1]",
    "destinations": "with a name of its own, such as [destinations.pacs]",
    "entities": "with a name of its own, such as [entities.BRIDGE]",
    "prefetch": "[[prefetch]] with its settings below it",
    "routes": "[[routes]] with its settings below it",
}


def _as_section(source: Source, path: KeyPath) -> str:
    if variable := source.variable_of(path):
        examples = _known_in(source, path) or ("NAME__AE_TITLE",)
        return f"Name a setting of it as well, such as {variable}__{examples[0].upper()}"
    if path[0] in _EXAMPLES:
        noun, example = _noun(path), _EXAMPLES[path[0]]
        return f"Each {noun} has a section {example}"
    return f"Write [{dotted(path)}] on a line of its own and its settings below it"


def _rewritten(source: Source, path: KeyPath, value: object, option: Option) -> str:
    """Say how to write `value` so that it is right, when there is one way only."""
    if isinstance(value, str) and (guess := nearest(value, option.choices)):
        value = guess
        if "array" not in option.kinds or isinstance(path[-1], int):
            return f"Did you mean {shown(guess)}?"
    better = None if option.is_secret or isinstance(path[-1], int) else _converted(value, option)
    variable = source.variable_of(path)
    if better is not None:
        return f"Write {f'{variable}={better!r}' if variable else f'{path[-1]} = {better}'}"
    return "Remove the variable to let the file decide" if variable and value == "" else ""


def _converted(value: object, option: Option) -> str | None:
    if isinstance(value, str) and option.kinds == {"array"}:
        return shown([part.strip() for part in value.split(",")])
    if isinstance(value, str) and "integer" in option.kinds and value.isdecimal():
        return value
    if isinstance(value, str) and option.kinds == {"boolean"}:
        return {"true": "true", "yes": "true", "false": "false", "no": "false"}.get(value.lower())
    if isinstance(value, int | float) and option.kinds == {"string"} and not option.choices:
        return f'"{value}"'
    return None
