"""API keys as texts: `hilum_<id>_<secret>`. Only a digest of one is kept.

A secret of 256 random bits needs no slow hash: nobody can try so many.
"""

import hashlib
import re
import secrets
from typing import Final

PREFIX: Final = "hilum_"
_ID_BYTES: Final = 4
_SECRET_BYTES: Final = 32
# Hexadecimal: a double click selects all of it, and scanners for leaked secrets know its shape.
_KEY: Final = re.compile(r"hilum_([0-9a-f]{8})_[0-9a-f]{64}")


def make_key() -> tuple[str, str]:
    """Make a new key; give its id and its text."""
    key_id = secrets.token_hex(_ID_BYTES)
    return key_id, f"{PREFIX}{key_id}_{secrets.token_hex(_SECRET_BYTES)}"


def id_of(text: str) -> str | None:
    """Give the id of a key, None for what is none."""
    found = _KEY.fullmatch(text)
    return None if found is None else found[1]


def digest_of(text: str) -> bytes:
    """Give what is kept of a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
