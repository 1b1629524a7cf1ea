"""Wild cards of PS3.4 §C.2.2.2.4: `*` for any characters, `?` for one.

Costs at most the length of the pattern times that of the text: no pattern of a peer can do harm.
"""

import re
from functools import lru_cache
from typing import Final

WILDCARDS: Final = frozenset("*?")
_RUN: Final = re.compile(r"[*?]+")


def has_wildcards(text: str) -> bool:
    """Tell whether a text is a pattern."""
    return not WILDCARDS.isdisjoint(text)


def in_whole_letters(vr: str, text: str) -> str:
    """Make a pattern wider for those who count bytes, and take ? for a part of a letter in UTF-8.

    What comes has to be looked at again. What has nothing but wild cards stays as it is.
    """
    is_wordless = not text.strip("*?^=")
    if "?" not in text or is_wordless or (text.isascii() and vr != "PN"):
        return text
    return _RUN.sub("*", text)


def is_like(pattern: str, text: str) -> bool:
    """Tell whether a whole text is what a pattern describes."""
    parts = _parts(pattern)
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return len(text) == len(first) and _stands_at(first, text, 0)
    end = len(text) - len(last)
    at = len(first)
    if end < at or not _stands_at(first, text, 0) or not _stands_at(last, text, end):
        return False
    # The leftmost place is always as good as any other: what is left for the others is longest.
    for part in parts[1:-1]:
        at = _find(part, text, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


@lru_cache(maxsize=512)
def _parts(pattern: str) -> tuple[str, ...]:
    """Split a pattern at its stars; runs of them are one."""
    parts = pattern.split("*")
    return (parts[0], *[part for part in parts[1:-1] if part], *parts[1:][-1:])


def _stands_at(part: str, text: str, at: int) -> bool:
    if "?" not in part:
        return text.startswith(part, at)
    there = text[at : at + len(part)]
    return len(there) == len(part) and all(
        wanted in {"?", found} for wanted, found in zip(part, there, strict=True)
    )


def _find(part: str, text: str, at: int, end: int) -> int:
    if "?" not in part:
        return text.find(part, at, end)
    places = range(at, end - len(part) + 1)
    return next((place for place in places if _stands_at(part, text, place)), -1)
