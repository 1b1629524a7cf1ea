"""The seal: facts that travel in each payload file, so that the ledger can be rebuilt from files.

It sits in Private Information (0002,0102) of the file meta group (PS3.10 §7.1) as JSON padded with
spaces to one fixed size, because a large payload is written before its digest is known: the seal is
written last, over its own blank. A file whose seal is blank was never finished.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Final

from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID

# Names the meaning of (0002,0102), as PS3.10 Table 7.1-1 asks for in (0002,0100).
SEAL_CREATOR_UID: Final = UID("2.25.189371538312974838592744041217219385603.1")
# Room for the longest texts we write; a seal that would be longer is cut in `encode`.
SEAL_BYTES: Final = 768
BLANK: Final = b" " * SEAL_BYTES
_TEXT_MAX: Final = 64


@dataclass(slots=True)
class Seal:
    """Who brought the payload and when, and by which it is known again. No patient data."""

    digest: str
    size: int
    received_at: str
    calling_ae_title: str
    called_ae_title: str
    peer: str
    host: str
    entity: str
    association_id: str

    @property
    def received(self) -> datetime:
        """Give the moment of reception."""
        return datetime.fromisoformat(self.received_at)


_ORIGIN: Final = (
    "calling_ae_title",
    "called_ae_title",
    "peer",
    "host",
    "entity",
    "association_id",
)

_origin_of = attrgetter(*_ORIGIN)
_dump = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def encode(seal: Seal) -> bytes:
    """Write a seal in its fixed size; texts from outside are cut to what fits."""
    origin = _origin_of(seal)
    # Digest, number and moment are written by ourselves: nothing in them needs to be escaped.
    payload = f'{{"digest":"{seal.digest}","size":{seal.size},"received_at":"{seal.received_at}",'
    text = payload + _rest(*origin)
    if len(text) > SEAL_BYTES:
        text = payload + _rest(*map(_cut, origin))
    return text.encode("ascii").ljust(SEAL_BYTES)


@lru_cache(maxsize=128)  # the same for all instances of an association
def _rest(*origin: str) -> str:
    """Write who brought the payload, and the end."""
    return _dump(dict(zip(_ORIGIN, origin, strict=True))).removeprefix("{")


def _cut(value: str) -> str:
    """Shorten a text to what fits whatever its characters; JSON may write one as six."""
    return (
        "".join(char if char.isalnum() or char in ".:-+_ " else "?" for char in value[:_TEXT_MAX])
        .encode("ascii", "replace")
        .decode("ascii")
    )


def decode(raw: bytes) -> Seal | None:
    """Read a seal; None means the file was never finished.

    Raises:
        CorruptPayload: there is something, but it is not a seal.
    """
    text = raw.rstrip(b" \0")
    if not text:
        return None
    try:
        return Seal(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise CorruptPayload(f"the seal of the file is not readable: {error}") from error
