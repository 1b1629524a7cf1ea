"""UIDs that have a name: "CT Image Storage" and "*Mammography*" instead of numbers."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Final

from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES
from hilum.dicom.syntaxes import ALL_TRANSFER_SYNTAXES
from hilum.routing.patterns import fits_one_of, has_wildcard, is_expression

Names = Callable[[], Mapping[str, tuple[str, str]]]
_UID_OR_PATTERN: Final = re.compile(r"[0-9.*?]*", re.ASCII)


@cache
def sop_class_names() -> Mapping[str, tuple[str, str]]:
    """Give name and UID of the storage SOP classes, by their name folded."""
    return {_folded(name): (name, uid) for uid, name in STORAGE_SOP_CLASSES.items()}


@cache
def transfer_syntax_names() -> Mapping[str, tuple[str, str]]:
    """Give name and UID of the transfer syntaxes, by their name folded."""
    return {_folded(one.name): (one.name, uid) for uid, one in ALL_TRANSFER_SYNTAXES.items()}


def no_names() -> Mapping[str, tuple[str, str]]:
    """Give nothing: instances have no names."""
    return {}


def uids_of(text: str, names: Names) -> list[str]:
    """Give what a text that was written for a UID stands for: UIDs, or patterns of them.

    Raises:
        ValueError: it is no UID and no name; says what was probably meant.
    """
    if is_expression(text) or _UID_OR_PATTERN.fullmatch(text):
        return [text]
    known = names()
    if not known:
        raise ValueError(f"{text!r} is not a UID: that has digits and dots only")
    folded = _folded(text)
    if has_wildcard(text):
        fits = fits_one_of([folded], minds_case=False)
        found = [uid for name, (_, uid) in known.items() if fits(name)]
    else:
        found = [known[folded][1]] if folded in known else []
    if not found:
        near = [known[one][0] for one in get_close_matches(folded[:100], known, n=1, cutoff=0.6)]
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{text!r} is neither a UID nor the name of one{hint}")
    return found


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9*?]", "", name.lower())
