"""The configuration: found, read, overridden from the environment, checked. All errors at once.

Whoever needs a setting imports its type from here or from beside its component.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hilum.service import (
    config_checks,
    config_entity_checks,
    config_folders,
    config_prefetch_checks,
    config_retention,
    config_routes,
)
from hilum.service.config_environment import read_source
from hilum.service.config_errors import InvalidConfig, Place, Problem
from hilum.service.config_explain import dotted, explain, shown
from hilum.service.config_finding import Finding
from hilum.service.config_options import option_at, section_at
from hilum.service.config_positions import KeyPath
from hilum.service.config_settings import (
    DATA_FOLDER,
    Config,
    GatewaySettings,
    LogSettings,
    SourcesSettings,
    json_schema,
)
from hilum.service.config_source import Source
from hilum.service.config_toml import Document, read_document
from hilum.sources.web.settings import WebSourceSettings

__all__ = [
    "Config",
    "Examination",
    "GatewaySettings",
    "InvalidConfig",
    "LogSettings",
    "SourcesSettings",
    "WebSourceSettings",
    "examine",
    "json_schema",
    "load",
    "locate",
]

FILE_VARIABLE: Final = "HILUM_CONFIG"
FILES: Final = (Path("hilum.toml"), Path("/etc/hilum/hilum.toml"))


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about a configuration. It can be used when there are no errors."""

    config: Config
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def locate(explicit: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Find the configuration file: what was asked for, or the first there is; None: defaults."""
    if explicit is not None:
        return explicit
    if named := environ.get(FILE_VARIABLE):
        return Path(named)
    return next((path for path in FILES if path.is_file()), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the file at `path`, or the defaults when there is none, and what overrides it.

    Raises:
        InvalidConfig: a Misconfigured that carries every problem there is.
    """
    found = examine(path, environ)
    if found.errors:
        raise InvalidConfig(found.errors)
    return found.config


def examine(path: Path | None, environ: Mapping[str, str]) -> Examination:
    """Read a configuration and judge it, without refusing it.

    Raises:
        InvalidConfig: the file cannot be read as TOML, so that nothing is known of it.
    """
    document = read_document(path) if path else Document()
    source, problems = read_source(document, environ)
    config, rejected, dropped = _validate(source)
    problems += explain(source, rejected)
    faults = config_routes.findings(config, source.table, is_whole=not dropped)
    errors = _problems(
        source,
        dropped,
        (
            *config_checks.errors(config),
            *faults.errors,
            *config_entity_checks.errors(config, source.table),
            *config_prefetch_checks.errors(config, source.table),
            *config_retention.errors(config, source.table),
        ),
    )
    warnings = _problems(
        source,
        dropped,
        (
            *config_checks.warnings(config),
            *faults.warnings,
            *config_entity_checks.warnings(config, is_whole=not (dropped or errors)),
            *config_folders.warnings(config),
            *config_prefetch_checks.warnings(config),
            *config_retention.warnings(config),
        ),
    )
    return Examination(config, _in_order((*problems, *errors)), _in_order(warnings))


def _validate(source: Source) -> tuple[Config, list[ErrorDetails], set[KeyPath]]:
    """Validate, and again without what was wrong, so that the rest can be judged as well.

    Strictly, and as JSON: that is the mode in which a list may become a tuple and a text a path,
    but the text "8080" not a number. What was left out is given as the set of its paths.
    """
    table = _with_default_folder(source.table)
    rejected: list[ErrorDetails] = []
    dropped: set[KeyPath] = set()
    while True:
        text = json.dumps(table, default=_no_such_value)
        context = {"folder": source.document.folder}
        try:
            return Config.model_validate_json(text, strict=True, context=context), rejected, dropped
        except ValidationError as error:
            found = error.errors(include_url=False)
            for one in found:
                is_missing = one["type"] == "missing"
                one["loc"] = source.written_path(one["loc"], is_missing=is_missing)
            # A required key that was dropped for its value is not missing as well.
            rejected += [one for one in found if one["loc"] not in dropped]
            paths = {_droppable(source, one) for one in found}
            if paths <= dropped:
                raise  # a fault of ours: leaving it out did not help
            _drop(table, paths)
            dropped |= paths


def _no_such_value(_: object) -> object:
    return [None]  # for a date or a time: no setting takes one, and none takes this


def _with_default_folder(table: Mapping[str, Any]) -> dict[str, Any]:
    """Name the default data folder, so that it starts at the file as any other path."""
    copy = deepcopy(dict(table))
    gateway = copy.setdefault("gateway", {})
    if isinstance(gateway, dict):
        gateway.setdefault("data", str(DATA_FOLDER))
    return copy


def _drop(table: dict[str, Any], paths: Iterable[KeyPath]) -> None:
    for path in paths:
        inner: Any = table
        for key in path[:-1]:
            inner = inner[int(key)] if isinstance(inner, list) else inner.get(key, {})
        if isinstance(inner, list):
            # Others keep their places in the list.
            inner[int(path[-1])] = _UNREADABLE.get(str(path[0]), _NO_ROUTE)
        else:
            inner.pop(path[-1], None)


# Stands for a route that could not be read.
_NO_ROUTE: Final = {"name": "unreadable", "stop": True, "enabled": False}
# The same of other lists of tables.
_UNREADABLE: Final = {"prefetch": {"name": "unreadable", "from": "unreadable"}}


def _droppable(source: Source, error: ErrorDetails) -> KeyPath:
    """Give the key that an error is about, or the section that lacks one."""
    path = error["loc"]
    if error["type"] == "missing" or path[-1] == "[key]":
        path = path[:-1]
    while isinstance(path[-1], int) and not _is_item(source, path):
        path = path[:-1]  # a value goes with the list it is in
    return path


def _is_item(source: Source, path: KeyPath) -> bool:
    """Tell whether one of a list of tables is at `path`, such as a route."""
    section = section_at(path, source.table)
    return section is not None and section.is_list and isinstance(source.value_at(path), dict)


def _problems(source: Source, dropped: set[KeyPath], findings: Iterable[Finding]) -> list[Problem]:
    """Turn findings into problems, but not those that stand on a value that was left out."""
    return [
        _problem(source, finding)
        for finding in findings
        if not any(path[:n] in dropped for path in finding.paths for n in range(1, len(path) + 1))
    ]


def _problem(source: Source, finding: Finding) -> Problem:
    written = [path for path in finding.paths if source.has(path)]
    if not written:
        return Problem(dotted(finding.paths[0]), finding.message, finding.remedy)
    path = written[0]
    option = option_at(path, source.table)
    # A table may have secrets in it.
    is_secret = (option is not None and option.is_secret) or _is_table(source.value_at(path))
    value = None if is_secret else shown(source.value_at(path))
    origin = source.origin_of_value(path)
    return Problem(dotted(path), finding.message, finding.remedy, value, origin)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_is_table, value)))


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort by where they stand in the file, what is in no file last."""

    def position(problem: Problem) -> tuple[int, int, str]:
        if isinstance(problem.origin, Place):
            return problem.origin.line, problem.origin.column, problem.path
        return sys.maxsize, 0, problem.path

    return tuple(sorted(problems, key=position))
