"""What is wrong with a configuration: where, what was found, what was expected, what to do.

Values of secrets never get into a problem, not even in a quoted line of the file.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hilum.kernel.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the file; `excerpt` is its line, `width` how much of it is meant.

    Line 0 is the file as a whole.
    """

    file: str
    line: int = 0
    column: int = 0
    excerpt: str = ""
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that overrides the file."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or odd. `value` is absent when there is none or it is secret."""

    path: str
    message: str
    remedy: str = ""
    value: str | None = None
    origin: Place | Variable | None = None

    def __str__(self) -> str:
        where = [str(part) for part in (self.origin, self.path) if part]
        said = [sentence(text) for text in (self.message, self.remedy) if text]
        return ": ".join([*where, " ".join(said)])


def sentence(text: str) -> str:
    """Close `text` with a full stop unless it has an end of its own."""
    return text if text.endswith(("?", "!", ".", ":")) else f"{text}."


class InvalidConfig(Misconfigured):
    """The configuration cannot be used; `problems` has everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
