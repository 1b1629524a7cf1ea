"""Adopting payload files that have no row: read back, verified, and put where they belong in time.

A file may be without a row because it is the newest, or because it was being removed when the
process died. Only what came last may be served, so the moments in the seals decide, never the order
in which files are found.
"""

import enum
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from hilum.dicom.facts import facts_of
from hilum.dicom.part10 import read_file_meta
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import CorruptPayload
from hilum.ledger.entry import Entry, HeldPayload, Origin, Recorded, Verdict
from hilum.ledger.ledger import Ledger
from hilum.ledger.moments import microseconds_of
from hilum.pipeline.archive.indexing import Indexing
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.owing import FoundPayload, OwesNothing, Owing
from hilum.pipeline.planning import FRONT_BYTES_MAX
from hilum.pipeline.sameness import record_compared
from hilum.vault.disk import SystemDisk
from hilum.vault.hashing import DIGEST_HEX_CHARACTERS, Digest
from hilum.vault.seal import SEAL_CREATOR_UID, Seal, decode

_CHUNK_BYTES: Final = 1 << 20
_NOTHING: Final = OwesNothing()


class Found(enum.Enum):
    """What became of a payload file."""

    ADOPTED = enum.auto()
    ADOPTED_AS_OLDER = enum.auto()  # a later version is held and served as before
    HELD_ALREADY = enum.auto()  # the same bytes are held elsewhere and are whole: one is enough
    REFUSED = enum.auto()  # another version was held first, and that is what the policy wants
    DAMAGED = enum.auto()  # a held file that was given up for a whole one with the same bytes


class Adoption:
    """Gives rows to payload files. For a time when nobody else writes vault or ledger."""

    def __init__(self, root: Path, ledger: Ledger, policy: DuplicatePolicy) -> None:
        self.root = root
        self._ledger = ledger
        self._policy = policy

    def adopt(self, entries: Sequence[Entry]) -> Iterator[tuple[str, Found]]:
        """Record `entries` in the order of their reception; say what each file is, by its path.

        Raises:
            Full, LedgerUnavailable: nothing more was recorded.
        """
        ordered = sorted(entries, key=_place_in_time)
        held = self._ledger.find([entry.facts.sop_instance_uid for entry in ordered])
        for entry in ordered:
            versions = held[entry.facts.sop_instance_uid]
            for damaged in self._damaged_twins(entry, versions):
                versions.remove(damaged)
                self._ledger.forget([damaged.path])
                yield damaged.path, Found.DAMAGED
            entry.verdict = self._wanted(entry, versions)
            if entry.verdict is Verdict.KEPT_OLDER:
                # The later version was sent, or will be; after it this one would be a step back.
                entry.deliveries = ()
        recorded = record_compared(self._ledger.record, ordered, self._have_same)
        for entry, record in zip(ordered, recorded, strict=True):
            yield entry.path, _outcome(entry, record)

    def _wanted(self, entry: Entry, versions: Iterable[HeldPayload]) -> Verdict:
        if any(_is_later(held, entry) for held in versions if held.is_current):
            return Verdict.KEPT_OLDER
        if self._policy is DuplicatePolicy.KEEP_FIRST:
            return Verdict.KEPT_FIRST
        return Verdict.KEPT_BESIDE

    def _damaged_twins(self, entry: Entry, versions: Iterable[HeldPayload]) -> list[HeldPayload]:
        """Give what the ledger takes for the same bytes and is not: `entry` was read and is."""
        return [
            held
            for held in versions
            if held.digest == entry.digest and not self._is_whole(held.path)
        ]

    def _have_same(self, path: str, other: str, size: int) -> bool:
        return SystemDisk().ends_alike(self.root / path, self.root / other, size=size)

    def _is_whole(self, path: str) -> bool:
        try:
            read_entry(self.root, path)
        except (CorruptPayload, FileNotFoundError):
            return False
        return True


def _place_in_time(entry: Entry) -> tuple[int, str]:
    # Files of one group had the same moment once; then any order will do, if it is always the same.
    return microseconds_of(entry.received_at), entry.path


def _is_later(held: HeldPayload, entry: Entry) -> bool:
    return (held.received_at_microseconds, held.path) > _place_in_time(entry)


def _outcome(entry: Entry, record: Recorded) -> Found:
    match record.verdict:
        case Verdict.ALREADY_HELD if record.path != entry.path:
            return Found.HELD_ALREADY
        case Verdict.KEPT_OLDER:
            return Found.ADOPTED_AS_OLDER
        case Verdict.KEPT_FIRST:
            return Found.REFUSED
        case _:
            return Found.ADOPTED


def read_entry(
    root: Path,
    relative: str,
    owing: Owing | OwesNothing = _NOTHING,
    indexing: Indexing | None = None,
) -> Entry:
    """Read the payload file at `relative`, every byte of it, and give its entry with what it owes.

    With `indexing`, also what searches need besides the facts.

    Raises:
        CorruptPayload: it is not whole: no seal, other bytes than were sealed, or not a data set.
        OSError: it cannot be read.
    """
    with (root / relative).open("rb") as stream:
        meta = read_file_meta(stream)
        seal = _seal(meta.private_creator_uid, meta.private_information)
        stream.seek(meta.data_set_offset)
        syntax = transfer_syntax(meta.transfer_syntax_uid)
        reader = DataSetReader(syntax, owing.tags_wanted)
        digest = Digest()
        size = 0
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            reader.feed(chunk)
            size += len(chunk)
    is_comparable = len(seal.digest) == DIGEST_HEX_CHARACTERS
    if size != seal.size or (is_comparable and digest.hexdigest() != seal.digest):
        raise CorruptPayload("its bytes are not those that were sealed")
    header = reader.finish()
    entry = Entry(
        facts=facts_of(header),
        transfer_syntax_uid=meta.transfer_syntax_uid,
        path=relative,
        size=size,
        digest=digest.digest(),
        verdict=Verdict.KEPT,
        origin=_origin(seal),
        received_at=seal.received,
    )
    front = partial(_front, root / relative, meta.data_set_offset)
    entry.deliveries = owing.owed(FoundPayload(entry, header, lambda: front(FRONT_BYTES_MAX)))
    if indexing is not None:
        entry.extras = indexing.extras(header)
        series = entry.facts.series_instance_uid
        entry.requests = indexing.requests(series, front, size, syntax)
    return entry


def _front(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        return stream.read(size)


def _seal(creator: str, raw: bytes) -> Seal:
    if creator != SEAL_CREATOR_UID:
        raise CorruptPayload("it has no seal of this gateway")
    seal = decode(raw)
    if seal is None:
        raise CorruptPayload("its seal is blank: it was never finished")
    return seal


def _origin(seal: Seal) -> Origin:
    return Origin(
        calling_ae_title=seal.calling_ae_title,
        called_ae_title=seal.called_ae_title,
        peer=seal.peer,
        host=seal.host,
        entity=seal.entity,
        association_id=seal.association_id,
    )
