"""Why a server did not store an instance, or changed it: the numbers of STOW answers in words.

PS3.18 Tables I.2-2 and I.2-3, the C-STORE statuses of PS3.4 Table B.2-1, which servers pass on,
and the numbers that makers added.
"""

import enum
from typing import Final


class ReasonKind(enum.Enum):
    """What a failure reason means for who sent the instance."""

    REFUSED = "refused"  # not this instance, ever
    LATER = "later"  # full or failing, not unwilling
    ALREADY_THERE = "already there"  # something is stored under this SOP Instance UID


PROCESSING_FAILURE: Final = 0x0110
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122
NOT_AUTHORIZED: Final = 0x0124
OUT_OF_RESOURCES: Final = 0xA700
DATA_SET_MISMATCH: Final = 0xA900
STUDY_MISMATCH: Final = 0xA901
CANNOT_UNDERSTAND: Final = 0xC000
SYNTAX_NOT_SUPPORTED: Final = 0xC122

_DUPLICATE: Final = 0x0111
_RESOURCE_LIMITATION: Final = 0x0213
# Seen: Microsoft's DICOM service, in its conformance statement.
_ALREADY_EXISTS: Final = 0xB00E  # 45070
_BEING_CREATED: Final = 0xB00F  # 45071

COERCION: Final = 0xB000
ELEMENTS_DISCARDED: Final = 0xB006
CLASS_MISMATCH_WARNING: Final = 0xB007

_WORDS: Final = {
    PROCESSING_FAILURE: "processing failure",
    _DUPLICATE: "duplicate SOP instance",
    0x0117: "invalid SOP instance",
    SOP_CLASS_NOT_SUPPORTED: "SOP class not supported",
    NOT_AUTHORIZED: "not authorised",
    _RESOURCE_LIMITATION: "resource limitation",
    STUDY_MISMATCH: "the study is not the one of the URL, or the data set misses what it must have",
    SYNTAX_NOT_SUPPORTED: "transfer syntax not supported",
    _ALREADY_EXISTS: "an instance with these UIDs already exists",
    _BEING_CREATED: "an instance with these UIDs is being stored by somebody else",
    COERCION: "coercion of data elements",
    ELEMENTS_DISCARDED: "elements discarded",
    CLASS_MISMATCH_WARNING: "data set does not match SOP class",
    0x0001: "stored with warnings",
}
# By the high byte, or the high digit.
_RANGES: Final = {
    0xA7: "out of resources",
    0xA9: "data set does not match SOP class",
    0xC: "cannot understand",
}
_KINDS: Final = {
    # Also what servers say of instances they do not like; "later" keeps them, so that a person sees
    # them age. Refusing would be quick and wrong for a server whose disk had a bad moment.
    PROCESSING_FAILURE: ReasonKind.LATER,
    _RESOURCE_LIMITATION: ReasonKind.LATER,
    _BEING_CREATED: ReasonKind.LATER,
    _DUPLICATE: ReasonKind.ALREADY_THERE,
    _ALREADY_EXISTS: ReasonKind.ALREADY_THERE,
}


def describe(reason: int) -> str:
    """Say what a failure or warning reason means, with its number as servers write it."""
    words = _WORDS.get(reason) or _RANGES.get(reason >> 8) or _RANGES.get(reason >> 12)
    return f"{words or 'a reason that is not listed'} ({reason}, 0x{reason:04X})"


def kind_of_failure(reason: int) -> ReasonKind:
    """Tell what to do about an instance that failed for this reason."""
    if reason >> 8 == OUT_OF_RESOURCES >> 8:
        return ReasonKind.LATER
    return _KINDS.get(reason, ReasonKind.REFUSED)
