"""Prints matches: as a table for people, or as one DICOM JSON object a line for programs."""

import sys
from typing import Protocol

from hilum.cli.querying.columns import columns_for
from hilum.cli.querying.question import Question
from hilum.cli.querying.table import Table
from hilum.dicom.dataset import DataSet
from hilum.dicom.json_writer import to_json


class Answers(Protocol):
    """Where matches go."""

    def match(self, match: DataSet) -> None:
        """Show a match, now or soon."""
        ...

    def close(self) -> None:
        """There are no more."""
        ...


class JsonLines:
    """One object a line (PS3.18 §F.2), each as soon as it is there."""

    def match(self, match: DataSet) -> None:
        """Print the object."""
        print(to_json(match).decode())

    def close(self) -> None:
        """Nothing is kept back."""


def answers_for(question: Question, *, json: bool) -> Answers:
    """Choose how matches are printed on standard output."""
    if json:
        return JsonLines()
    width = None
    if sys.stdout.isatty():
        from shutil import get_terminal_size  # noqa: PLC0415 - only a terminal has one

        width = get_terminal_size().columns
    return Table(columns_for(question.level, question.keys), sys.stdout, width=width)
