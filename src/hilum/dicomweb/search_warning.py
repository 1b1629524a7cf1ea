"""The Warning header of a search (PS3.18 §8.3.4.4): why the answer is not all there is."""

from collections.abc import Iterable
from typing import Final

MORE_RESULTS: Final = "There are additional results that can be requested"
WARNINGS_MAX: Final = 10
_CHARACTERS_MAX: Final = 300


def at_most(limit: int) -> str:
    """Say how long the answer is at most, where its end is not known when its head goes out."""
    return (
        f"There are at most {limit} results in this answer; additional ones, if there are any, "
        "can be requested"
    )


def warning_headers(service: str, warnings: Iterable[str]) -> list[str]:
    """Write the values of the headers; `service` is the address of the service.

    What cannot stand in a header is replaced; the texts come from our own rooms and have no data
    of patients.
    """
    told = list(warnings)
    shown = told[:WARNINGS_MAX]
    if len(told) > WARNINGS_MAX:
        shown.append(f"There are {len(told) - WARNINGS_MAX} more warnings")
    return [f"299 {_clean(service)}: {_clean(text)}" for text in shown]


def _clean(text: str) -> str:
    return "".join([one if " " <= one <= "~" else "?" for one in text[:_CHARACTERS_MAX]])
