"""Through which faces of gateways a question has come, so that none of them is asked it twice.

Gateways tell it each other with the question: a header of HTTP, or a private attribute of the
identifier. A face goes by a pseudonym, as proxies do in `Via` (RFC 9110 §7.6.3): it says nothing of
where it is, and is another one after each start.
"""

import re
from hashlib import blake2b
from typing import Final

from hilum.dicom.dataset import DataSet
from hilum.kernel.names import UID

# The pseudonyms, the first one first; the last one is of who is asked now, or asks.
Via = tuple[str, ...]

# With a request: through whom it came. With its answer: who gave it.
VIA_HEADER: Final = "Hilum-Via"
FACE_HEADER: Final = "Hilum-Face"
# With an answer to an association request, as an extended negotiation of no service: who gave it.
FACE_UID: Final = UID("2.25.27483334988410288310356009445483217327")
# A question that came through so many goes no further: longer ways are mistakes, or mischief.
VIA_MAX: Final = 8

# Of a private attribute of identifiers: through whom they came.
VIA_CREATOR: Final = "HILUM VIA"
_VIA_TAG: Final = 0x00090001  # in whichever block is free
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{16}")
_TEXT_MAX: Final = 1024


def pseudonym_of(run: str, ae_title: str) -> str:
    """Give the pseudonym of a face in a run of the gateway."""
    return blake2b(f"{run} {ae_title}".encode(), digest_size=8).hexdigest()


def via_of_text(text: str) -> Via:
    """Read what another gateway says; what is no pseudonym is left out."""
    words = [word.strip() for word in text[:_TEXT_MAX].split(",")]
    return tuple([word for word in words if _PSEUDONYM.fullmatch(word)][:VIA_MAX])


def text_of_via(via: Via) -> str:
    """Write it."""
    return ",".join(via)


def via_of_identifier(identifier: DataSet) -> Via:
    """Read what an identifier says; nearly all say nothing."""
    text = identifier.raw(identifier.private_tag(_VIA_TAG, VIA_CREATOR))
    return via_of_text(text.decode("ascii", "replace").rstrip())


def tell_via(identifier: DataSet, via: Via) -> None:
    """Say it in an identifier: to gateways like us, who know what it means."""
    first = _VIA_TAG & 0xFFFF0000
    block = next(one for one in range(0x10, 0x100) if first | one not in identifier)
    identifier.elements[first | block] = ("LO", VIA_CREATOR.encode())
    identifier.elements[first | block << 8 | _VIA_TAG & 0xFF] = ("LT", text_of_via(via).encode())


def is_via(identifier: DataSet, tag: int) -> bool:
    """Tell whether an attribute of an identifier is this, and no key."""
    return identifier.creator_of(tag) == VIA_CREATOR
