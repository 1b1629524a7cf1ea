"""Problems of a configuration on a terminal: the line itself, what is wrong with it, what to do."""

import textwrap
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from hilum.service.config_errors import Place, Problem, sentence

INDENT: Final = "  "


def print_problems(
    problems: Sequence[Problem], warnings: Sequence[Problem] = (), *, console: Console | None = None
) -> None:
    """Print every problem, then every warning, then how many there were."""
    console = console or Console(stderr=True, highlight=False)
    for problem in problems:
        _print(console, "error", "bold red", problem)
    for problem in warnings:
        _print(console, "warning", "bold yellow", problem)
    console.print(Text(count_of(len(problems), len(warnings)), style="bold"))


def count_of(errors: int, warnings: int) -> str:
    """Say how many there were, such as 2 errors and 1 warning."""
    parts = [_counted(errors, "error"), _counted(warnings, "warning")]
    return f"{', '.join(part for part in parts if part)}."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}" if count else ""


def _print(console: Console, kind: str, style: str, problem: Problem) -> None:
    # Lines are wrapped here and never by the console: an editor makes a whole file:line:column a
    # link, and a copied line must not end in blanks.
    lines = [Text.assemble((f"{kind}: ", style), (problem.path or str(problem.origin), "bold"))]
    if problem.path and problem.origin:
        lines.append(Text(f"{INDENT}{problem.origin}", style="cyan"))
    if isinstance(problem.origin, Place) and problem.origin.excerpt:
        lines += _excerpt(problem.origin, style)
    lines += [Text(line) for line in _wrapped(console, problem.message)]
    lines += [Text(line, style="green") for line in _wrapped(console, problem.remedy)]
    for line in lines:
        console.print(line, soft_wrap=True)
    console.print()


def _wrapped(console: Console, text: str) -> list[str]:
    if not text:
        return []
    said = sentence(text[0].upper() + text[1:])
    return textwrap.wrap(
        said,
        max(console.width - 1, 40),
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _excerpt(place: Place, style: str) -> list[Text]:
    """Quote the line, and underline what is meant as far as the quotation goes."""
    excerpt = place.excerpt.replace("\t", " ")  # a tab is as wide as the terminal likes
    number = str(place.line)
    quoted = Text.assemble((f"{INDENT}{number} │ ", "dim"), excerpt)
    width = min(place.width, len(excerpt) - place.column + 1)
    if width <= 0:
        return [quoted]
    margin = f"{INDENT}{' ' * len(number)} │ "
    blank = " " * (place.column - 1)
    return [quoted, Text.assemble((margin, "dim"), blank, ("^" * width, style))]
