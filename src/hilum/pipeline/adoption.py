"""Reading a payload file back: its seal, its digest and its facts, as an entry for the ledger."""

from pathlib import Path
from typing import Final

from hilum.dicom.facts import facts_of
from hilum.dicom.part10 import read_file_meta
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import CorruptPayload
from hilum.ledger.entry import Entry, Origin, Verdict
from hilum.vault.hashing import DIGEST_HEX_CHARACTERS, Digest
from hilum.vault.seal import SEAL_CREATOR_UID, Seal, decode

_CHUNK_BYTES: Final = 1 << 20


def read_entry(root: Path, relative: str) -> Entry:
    """Read the payload file at `relative`, every byte of it, and give its entry.

    Raises:
        CorruptPayload: it is not whole: no seal, other bytes than were sealed, or not a data set.
        OSError: it cannot be read.
    """
    with (root / relative).open("rb") as stream:
        meta = read_file_meta(stream)
        seal = _seal(meta.private_creator_uid, meta.private_information)
        stream.seek(meta.data_set_offset)
        reader = DataSetReader(transfer_syntax(meta.transfer_syntax_uid))
        digest = Digest()
        size = 0
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            reader.feed(chunk)
            size += len(chunk)
    is_comparable = len(seal.digest) == DIGEST_HEX_CHARACTERS
    if size != seal.size or (is_comparable and digest.hexdigest() != seal.digest):
        raise CorruptPayload("its bytes are not those that were sealed")
    return Entry(
        facts=facts_of(reader.finish()),
        transfer_syntax_uid=meta.transfer_syntax_uid,
        path=relative,
        size=size,
        digest=digest.digest(),
        verdict=Verdict.KEPT,
        origin=_origin(seal),
        received_at=seal.received,
    )


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
