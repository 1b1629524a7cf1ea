"""What is said when an answer may not be all there is, because a part of the archive is missing."""

from collections.abc import Iterable, Sequence
from typing import Final

from hilum.dimse.command import ERROR_COMMENT_LENGTH_MAX
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.statuses import comment_of

_PARTIAL: Final = "partial: "
# Header fields stay small, however many answerers there are.
_WARNINGS_TOLD: Final = 8


def warning_of(failure: AnswererFailed) -> str:
    """Say which part is missing and why, for `Batch.warnings`."""
    return comment_of(failure)


def partial_comment(warnings: Sequence[str]) -> str:
    """Give the Error Comment of a C-FIND that ends well and may miss something; "": nothing."""
    if not warnings:
        return ""
    others = f" (+{len(warnings) - 1})" if len(warnings) > 1 else ""
    room = ERROR_COMMENT_LENGTH_MAX - len(_PARTIAL) - len(others)
    return f"{_PARTIAL}{warnings[0][:room]}{others}"


def partial_warnings(warnings: Iterable[str]) -> list[str]:
    """Give the texts of Warning headers (code 299).

    Quoted-string characters only: names of answerers are ours, but they may be any text.
    """
    return [
        "The answer may be incomplete: " + "".join(map(_plain, one))
        for one in list(warnings)[:_WARNINGS_TOLD]
    ]


def _plain(character: str) -> str:
    is_plain = character.isascii() and character.isprintable() and character not in '"\\'
    return character if is_plain else "?"
