"""Makes names of files from text that others wrote: it never leaves its folder nor hides there.

Names must be possible on file shares too, so what Windows forbids is replaced as well.
"""

import hashlib
import re
import unicodedata
from typing import Final

# 255 is what file systems take; the rest is for what is added to a name: a number, ".part".
NAME_BYTES_MAX: Final = 200
_HASH_CHARACTERS: Final = 8
EMPTY: Final = "none"

_FORBIDDEN: Final = re.compile(r'[/\\<>:"|?*\x00-\x1f\x7f]')
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
# Control and format characters (one of these writes a name backwards), surrogates, private ones.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def part_of_name(value: str) -> str:
    """Give what stands for `value` within a name; it has no separator and cannot be seen wrong."""
    text = unicodedata.normalize("NFC", value)
    text = "".join(char for char in text if unicodedata.category(char) not in _UNSEEN)
    return _FORBIDDEN.sub("_", text).strip(" ")


def name(text: str) -> str:
    """Make one whole name of a folder or file, which is never empty, hidden or reserved."""
    text = text.strip(" ") or EMPTY
    if text.startswith("."):
        text = f"_{text[1:]}"
    if text.endswith("."):
        text = f"{text[:-1]}_"
    if _RESERVED.fullmatch(text):
        text = f"_{text}"
    return _shortened(text)


def _shortened(text: str) -> str:
    """Cut what is too long; a hash of the whole keeps long names apart, the suffix stays."""
    if len(text.encode()) <= NAME_BYTES_MAX:
        return text
    stem, dot, suffix = text.rpartition(".")
    if not dot or len(suffix.encode()) > _HASH_CHARACTERS:
        stem, dot, suffix = text, "", ""
    digest = hashlib.blake2b(text.encode(), digest_size=_HASH_CHARACTERS // 2).hexdigest()
    end = f"-{digest}{dot}{suffix}"
    room = NAME_BYTES_MAX - len(end.encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + end
