"""Domain words as types: AE titles and UIDs, with the rules of PS3.5 that make them valid."""

import re
from typing import Final, NewType

AETitle = NewType("AETitle", str)
UID = NewType("UID", str)

AE_TITLE_LENGTH_MAX: Final = 16  # PS3.5 §6.2, VR AE
UID_LENGTH_MAX: Final = 64  # PS3.5 §9.1

# A component is digits; leading zeros are forbidden by PS3.5 §9.1 but seen so often that refusing
# them would refuse real studies. They are harmless as names, so they pass here.
_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
# Printable ISO 646 without backslash (PS3.5 §6.2). Control characters never belong in a title.
_AE_TITLE: Final = re.compile(r"[\x20-\x5b\x5d-\x7e]*", re.ASCII)


def is_uid(text: str) -> bool:
    """Tell whether `text` can be used as a UID: digits and dots only, at most 64 characters."""
    return len(text) <= UID_LENGTH_MAX and _UID.fullmatch(text) is not None


def ae_title(text: str) -> AETitle:
    """Read `text` as an AE title; leading and trailing spaces are not significant.

    Raises:
        ValueError: what is left is empty, longer than 16 characters or has forbidden characters.
    """
    title = text.strip(" ")
    if not title:
        raise ValueError("an AE title must not be empty (PS3.5 §6.2)")
    if len(title) > AE_TITLE_LENGTH_MAX:
        raise ValueError(
            f"{title!r} has {len(title)} characters; an AE title has at most 16 (PS3.5 §6.2)"
        )
    if _AE_TITLE.fullmatch(title) is None:
        raise ValueError(
            f"{title!r} has a backslash, a control or a non-ASCII character (PS3.5 §6.2)"
        )
    return AETitle(title)
