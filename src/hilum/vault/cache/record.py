"""One line of a study's index: a payload that came, or one that went.

Each line begins with a line's end, so that one that was torn by a crash does not spoil the next;
what cannot be read is passed over.
"""

import json
from dataclasses import dataclass
from typing import Final, assert_never

from hilum.kernel.names import is_uid
from hilum.vault.cache.places import is_name

_CAME: Final = "+"
_WENT: Final = "-"
_FIELDS: Final = 9
_DIGEST_CHARACTERS: Final = 32
_dump: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Came:
    """A payload is there. `name`: within the folder of its study; `size`: of its data set."""

    name: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    size: int
    file_bytes: int
    received_at_microseconds: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Went:
    """A payload is not there any more, or is not to be given out."""

    name: str


Record = Came | Went


def encode(record: Record) -> bytes:
    """Write a line."""
    match record:
        case Came():
            fields = [
                _CAME,
                record.name,
                record.sop_class_uid,
                record.sop_instance_uid,
                record.transfer_syntax_uid,
                record.size,
                record.file_bytes,
                record.received_at_microseconds,
                record.digest.hex(),
            ]
        case Went():
            fields = [_WENT, record.name]
        case _:
            assert_never(record)
    return f"\n{_dump(fields)}\n".encode("ascii")


def decode(line: bytes) -> Record | None:
    """Read a line; None: it is none of ours, or only a part of one."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    match fields:
        case ["-", str() as name]:
            return Went(name)
        case ["+", str() as name, *_] if len(fields) == _FIELDS and is_name(name):
            return _came(name, fields)
        case _:
            return None


# object: whatever JSON can say; each is looked at.
def _came(name: str, fields: list[object]) -> Came | None:
    _, _, sop_class, instance, syntax, size, file_bytes, received, digest = fields
    match (sop_class, instance, syntax, size, file_bytes, received, digest):
        case (str(), str(), str(), int(), int(), int(), str()) if len(
            str(digest)
        ) == _DIGEST_CHARACTERS and is_uid(str(instance)):
            pass
        case _:
            return None
    try:
        return Came(
            name,
            sop_class,
            instance,
            name.partition("/")[0],
            syntax,
            size,
            file_bytes,
            received,
            bytes.fromhex(digest),
        )
    except ValueError:
        return None
