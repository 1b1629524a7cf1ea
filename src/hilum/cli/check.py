"""`hilum check`: every error of the configuration, or what the gateway will do with it."""

import json as json_format
import os
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from hilum.cli.problems import print_problems
from hilum.cli.summary import print_summary
from hilum.service.config import Config, Examination, examine, json_schema, locate
from hilum.service.config_errors import InvalidConfig, Place, Problem

RIGHT, WRONG = 0, 2


def check(
    *,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    schema: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Find every error in the configuration; when there is none, say what the gateway will do.

    Nothing is opened, made or changed. Exit code 0: it can be used; 2: it cannot.

    Parameters
    ----------
    config:
        The configuration; without it $HILUM_CONFIG, ./hilum.toml or /etc/hilum/hilum.toml, and if
        none of them exists the defaults.
    schema:
        Print the JSON Schema of the configuration instead, for editors.
    json:
        Print one JSON object, for programs.
    """
    if schema:
        print(json_format.dumps(json_schema(), indent=2))
        return RIGHT
    path = locate(config, os.environ)
    found = _examine(path)
    if json:
        print(json_format.dumps(as_json(path, found), indent=2))
    elif found.errors:
        print_problems(found.errors, found.warnings)
    else:
        print_summary(Console(highlight=False), path, found.config, found.warnings)
    return WRONG if found.errors else RIGHT


def _examine(path: Path | None) -> Examination:
    try:
        return examine(path, os.environ)
    except InvalidConfig as error:
        return Examination(Config(), error.problems, ())


def as_json(path: Path | None, found: Examination) -> dict[str, Any]:  # Any: JSON
    """Give what was found for programs; passwords are stars. `config` is what is in force."""
    config = None if found.errors else found.config.model_dump(mode="json")
    return {
        "file": str(path) if path else None,
        "ok": not found.errors,
        "errors": [_problem(problem) for problem in found.errors],
        "warnings": [_problem(problem) for problem in found.warnings],
        "config": config,
    }


def _problem(problem: Problem) -> dict[str, Any]:  # Any: JSON
    origin = problem.origin
    place = origin if isinstance(origin, Place) else None
    return {
        "path": problem.path or None,
        "file": place.file if place else None,
        "line": place.line or None if place else None,
        "column": place.column or None if place else None,
        "variable": str(origin) if origin and not place else None,
        "value": problem.value,
        "message": problem.message,
        "remedy": problem.remedy or None,
    }
