"""What a store really holds, read from its disk: never asked from the process that is on trial."""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from xxhash import xxh3_128

LEDGER: Final = "ledger.sqlite"
VAULT: Final = "vault"
INSTANCES: Final = "instances"  # what is under this folder of the vault is visible and whole

META_START: Final = 132  # preamble and "DICM" (PS3.10 §7.1)
SOP_INSTANCE_UID: Final = b"\x08\x00\x18\x00"
_PIECE_BYTES: Final = 1 << 20
_PAYLOADS: Final = """
    SELECT instance.sop_instance_uid, payload.path, payload.digest, payload.size,
           payload.version = instance.current_version
    FROM instance JOIN payload ON payload.instance_row = instance.id
"""


@dataclass(slots=True)
class Holding:
    """Instances that are listed and whole, by UID with the digest of their data set."""

    digests: dict[str, bytes] = field(default_factory=dict)
    # The same with older versions that are kept beside the one that is served.
    versions: dict[str, set[bytes]] = field(default_factory=dict)
    # Visible but not whole, or visible but not listed: what a reader must never meet.
    faults: list[str] = field(default_factory=list)

    def lost(self, acknowledged: dict[str, bytes]) -> list[str]:
        """Give the acknowledged UIDs that are not held with the bytes that were sent."""
        return [uid for uid, wanted in acknowledged.items() if self.digests.get(uid) != wanted]


def of_gateway(data: Path) -> Holding:
    """Read ledger and vault of a gateway: held is what is in both, with the same digest."""
    holding = Holding()
    vault = data / VAULT
    unlisted = {str(path.relative_to(vault)) for path in vault.glob(f"{INSTANCES}/**/*.dcm")}
    for uid, path, listed_digest, size, is_current in ledger_rows(data, _PAYLOADS):
        unlisted.discard(path)
        found = _digest_of_data_set(vault / path, size)
        if found is None or found != listed_digest:
            holding.faults.append(f"{path}: {'damaged' if found else 'missing'}")
            continue
        holding.versions.setdefault(uid, set()).add(found)
        if is_current:
            holding.digests[uid] = found
    holding.faults += [f"{path}: not in the ledger" for path in sorted(unlisted)]
    return holding


def ledger_rows(data: Path, statement: str) -> Iterator[Any]:
    """Query the ledger file, read-only, row by row; an absent ledger has no rows."""
    path = data / LEDGER
    if not path.exists():
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as ledger:
        yield from ledger.execute(statement)


def of_files(folder: Path) -> Holding:
    """Read a folder that a simple receiver writes: the UID comes from the data set itself."""
    holding = Holding()
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        data_set = content[_data_set_offset(content[:144]) :]
        at = data_set.find(SOP_INSTANCE_UID)
        if at < 0:
            holding.faults.append(f"{path.name}: torn")
            continue
        (length,) = struct.unpack_from("<H", data_set, at + 6)
        uid = data_set[at + 8 : at + 8 + length].rstrip(b"\0").decode("latin-1")
        holding.digests[uid] = xxh3_128(data_set).digest()
    return holding


def _digest_of_data_set(path: Path, size: int) -> bytes | None:
    """Give the digest of what follows the file meta group, None when the file is not there."""
    try:
        with path.open("rb") as file:
            file.seek(_data_set_offset(file.read(144)))
            digest, found = xxh3_128(), 0
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                found += len(piece)
    except FileNotFoundError:
        return None
    return digest.digest() if found == size else b"wrong size"


def _data_set_offset(head: bytes) -> int:
    """Give where the data set begins, by the group length (0002,0000)."""
    if head[META_START - 4 : META_START] != b"DICM" or len(head) < META_START + 12:
        return 0
    (group_length,) = struct.unpack_from("<I", head, META_START + 8)
    return META_START + 12 + int(group_length)
