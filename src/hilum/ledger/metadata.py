"""Metadata of instances, kept compressed beside the catalogue, so that asking opens no payload.

Instances of a series are nearly alike: all but the first of a batch are compressed with its content
as a dictionary, to a tenth. Nothing here is a fact: what is missing or old is made again.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Cursor
from typing import Final

from hilum.ledger.doors import Ask, Write
from hilum.ledger.holdings import Holding
from hilum.ledger.moments import moment_of
from hilum.ledger.texts import Row

# Of what makes metadata of headers. What another edition made is not used: raise it when the JSON
# of a payload changes.
EDITION: Final = 1
# What is longer is made each time: some 20 MB of JSON.
CONTENT_BYTES_MAX: Final = 2 << 20
_LEVEL: Final = 6
# Rows of payloads that are looked at in one question for what is missing.
_SPAN: Final = 2000

_READ: Final = """
SELECT i.sop_instance_uid, m.version, m.id, m.base_row, m.content
FROM json_each(?) k CROSS JOIN instance i ON i.sop_instance_uid = k.value
CROSS JOIN instance_metadata m ON m.instance_row = i.id AND m.edition = ?
"""
_BASES: Final = """
SELECT m.id, m.content FROM json_each(?) k CROSS JOIN instance_metadata m ON m.id = k.value
"""
# The digest: under this UID and version there might be other bytes by now.
_KEEP: Final = """
INSERT OR REPLACE INTO instance_metadata (instance_row, version, edition, base_row, content)
SELECT y.instance_row, y.version, ?, ?, ? FROM instance i CROSS JOIN payload y
ON y.instance_row = i.id WHERE i.sop_instance_uid = ? AND y.version = ? AND y.digest = ?
"""
_NEWEST: Final = "SELECT coalesce(max(id), 0) FROM instance"
_MISSING: Final = """
SELECT i.id, i.sop_class_uid, i.sop_instance_uid, s.series_instance_uid, t.study_instance_uid,
y.transfer_syntax_uid, y.size, y.path, y.version, y.received_at_microseconds, y.digest
FROM instance i CROSS JOIN payload y ON y.instance_row = i.id AND y.version = i.current_version
CROSS JOIN series s ON s.id = i.series_row CROSS JOIN study t ON t.id = s.study_row
WHERE i.id > ? AND i.id <= ? AND NOT EXISTS (SELECT 1 FROM instance_metadata m
WHERE m.instance_row = y.instance_row AND m.version = y.version AND m.edition = ?)
ORDER BY i.id LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Missing:
    """Holdings without metadata, of the instances up to row `place`."""

    holdings: tuple[Holding, ...]
    place: int


@dataclass(frozen=True, slots=True)
class _Packed:
    """Metadata as it is kept; `base`: its place in the batch of the one it differs from."""

    holding: Holding
    base: int | None
    content: bytes


class KeptMetadata:
    """What was made of headers. Every method raises LedgerUnavailable, keep() Full as well."""

    def __init__(self, write: Write, ask: Ask) -> None:
        """Begin; what is written may be lost in a power cut."""
        self._write = write
        self._ask = ask

    def read(self, holdings: Sequence[Holding]) -> list[bytes | None]:
        """Give the metadata of each: None where there is none yet, b"" where none can be made."""
        uids = json.dumps([one.sop_instance_uid for one in holdings])
        rows, bases = self._ask(lambda cursor: _rows(cursor, uids))
        found: dict[tuple[str, int], bytes | None] = {
            (uid, version): _unpacked(content, base, bases)
            for uid, version, _, base, content in rows
        }
        return [found.get((one.sop_instance_uid, one.version)) for one in holdings]

    def keep(self, made: Iterable[tuple[Holding, bytes]]) -> None:
        """Keep the metadata of payloads that are still held."""
        packed = list(_pack(made))
        if packed:
            self._write(lambda cursor: _keep(cursor, packed))

    def newest_row(self) -> int:
        """Give the row of the instance that came last: when it stays, nothing new has come."""
        return int(self._ask(lambda cursor: cursor.execute(_NEWEST).fetchone())[0])

    def missing(self, after: int, up_to: int, *, limit: int) -> Missing:
        """Give holdings without metadata of instances between two rows, in the order they came.

        Looks at some thousands at a time: go on at the `place`, until that is `up_to`.
        """
        last = min(after + _SPAN, up_to)
        values = (after, last, EDITION, limit)
        rows = self._ask(lambda cursor: cursor.execute(_MISSING, values).fetchall())
        place = int(rows[-1][0]) if len(rows) == limit else last
        return Missing(tuple([_holding(row) for row in rows]), place)


def _rows(cursor: Cursor, uids: str) -> tuple[list[Row], Mapping[int, bytes]]:
    """Read rows, and the contents that others differ from."""
    rows = cursor.execute(_READ, (uids, EDITION)).fetchall()
    bases = {row: content for _, _, row, base, content in rows if base is None}
    wanted = {row[3] for row in rows if row[3] is not None} - bases.keys()
    if wanted:
        bases |= dict(cursor.execute(_BASES, (json.dumps(sorted(wanted)),)).fetchall())
    return rows, {row: _plain(content) for row, content in bases.items()}


def _plain(content: bytes) -> bytes:
    try:
        return zlib.decompress(content) if content else b""
    except zlib.error:
        return b""


def _unpacked(content: bytes, base: int | None, bases: Mapping[int, bytes]) -> bytes | None:
    if not content:
        return b""
    try:
        if base is None:
            return zlib.decompress(content)
        # A dictionary that is not the one it was packed with is found out by its checksum.
        return zlib.decompressobj(zdict=bases.get(base, b"")).decompress(content)
    except zlib.error:
        return None


def _pack(made: Iterable[tuple[Holding, bytes]]) -> Iterable[_Packed]:
    bases: dict[str, tuple[int, bytes]] = {}
    place = 0
    for holding, metadata in made:
        base = bases.get(holding.series_instance_uid) if metadata else None
        if base is None:
            content = zlib.compress(metadata, _LEVEL) if metadata else b""
        else:
            packer = zlib.compressobj(_LEVEL, zdict=base[1])
            content = packer.compress(metadata) + packer.flush()
        if len(content) > CONTENT_BYTES_MAX:
            continue
        if metadata and base is None:
            bases[holding.series_instance_uid] = (place, metadata)
        yield _Packed(holding, None if base is None else base[0], content)
        place += 1


def _keep(cursor: Cursor, packed: Sequence[_Packed]) -> None:
    rows: list[int | None] = []
    for one in packed:
        base = None if one.base is None else rows[one.base]
        if one.base is not None and base is None:
            rows.append(None)
            continue
        holding = one.holding
        whose = (holding.sop_instance_uid, holding.version, holding.digest)
        cursor.execute(_KEEP, (EDITION, base, one.content, *whose))
        rows.append(cursor.lastrowid if cursor.rowcount > 0 else None)


def _holding(row: Row) -> Holding:
    values: Row = (*row[1:9], moment_of(row[9]), row[10])
    return Holding(*values)
