"""Entity tags: whether a client has the answer already (RFC 9110 §8.8.3, §13.1)."""

import hashlib
import re
from typing import Final

_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_TAGS_CHARACTERS_MAX: Final = 8192


def entity_tag(*parts: str) -> str:
    """Make a strong tag of what determines an answer: digests of payloads, the media type, a page.

    Nothing of the parts can be read from it.
    """
    # Lengths keep ("ab", "c") and ("a", "bc") apart.
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return f'"{hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]}"'


def weak(tag: str) -> str:
    """Say of a tag that the bytes may differ: for answers that a proxy or we compress."""
    return tag if tag.startswith("W/") else f"W/{tag}"


def has_it(if_none_match: str, tag: str) -> bool:
    """Tell whether to answer 304: the client has an answer with this tag, or with any (`*`)."""
    if if_none_match.strip() == "*":
        return True
    known = _TAG.findall(if_none_match[:_TAGS_CHARACTERS_MAX])
    return tag.removeprefix("W/") in {one.removeprefix("W/") for one in known}


def is_meant(if_match: str, tag: str) -> bool:
    """Tell whether the answer with this tag is one that is wanted: without the header, any is.

    Weak tags are nobody's here (RFC 9110 §13.1.1): they do not say that the bytes are the same.
    """
    if if_match.strip() in {"", "*"}:
        return True
    return not tag.startswith("W/") and tag in _TAG.findall(if_match[:_TAGS_CHARACTERS_MAX])


def still_holds(if_range: str, tag: str) -> bool:
    """Tell whether a Range goes on with what the client has; if not, answer with the whole.

    No header: it does. A date never does: payloads are known by their digests, not by times.
    """
    return not if_range or (if_range.strip() == tag and not tag.startswith("W/"))
