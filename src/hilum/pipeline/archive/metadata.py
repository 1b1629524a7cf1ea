"""The metadata of instances: made from their headers, with addresses of bulk data put in late.

What is kept knows nothing of where it will be asked for: an address is only the path of its value
then. `"BulkDataURI":"` cannot be within a text, whose quotes have backslashes.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from hilum.dicom.bulk import BulkPath, path_text
from hilum.dicom.json_writer import quoted, to_json
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import CorruptPayload, HilumError
from hilum.ledger.holdings import Holding
from hilum.pipeline.archive.header import header_of
from hilum.pipeline.ports import Payloads

_ADDRESS: Final = b'"BulkDataURI":"'


class Kept(Protocol):
    """What is needed of the ledger: see `hilum.ledger.metadata`. Raises LedgerUnavailable."""

    def read(self, holdings: Sequence[Holding]) -> list[bytes | None]:
        """Give what is kept of each: None nothing, b"" that nothing can be made of it."""
        ...

    def keep(self, made: Iterable[tuple[Holding, bytes]]) -> None:
        """Keep what was made. Raises Full as well."""
        ...


class Describer:
    """Gives the metadata of holdings, what is kept or made of the payload. Blocks: for threads."""

    def __init__(self, kept: Kept, payloads: Payloads, *, has_room: Callable[[], bool]) -> None:
        """Begin; without room nothing more is kept: it is for what cannot be made again."""
        self._kept = kept
        self._payloads = payloads
        self._has_room = has_room

    def describe(self, holdings: Sequence[Holding], bulk_root: str) -> list[bytes]:
        """Give the JSON object of each that can be read. Raises LedgerUnavailable."""
        found = self._kept.read(holdings)
        missing = [one for one, there in zip(holdings, found, strict=True) if there is None]
        made = self.make(missing) if missing else {}
        described: list[bytes] = []
        for holding, there in zip(holdings, found, strict=True):
            metadata = made.get(holding.path, b"") if there is None else there
            if metadata:
                described.append(addressed(metadata, holding, bulk_root))
        return described

    def make(self, holdings: Sequence[Holding]) -> dict[str, bytes]:
        """Make metadata, by the paths of payloads, and keep it if that can be done now."""
        made: list[tuple[Holding, bytes]] = []
        for holding in holdings:
            # What is away at the moment is tried again when it is asked for.
            with suppress(OSError):
                made.append((holding, metadata_of(self._payloads, holding)))
        if made and self._has_room():
            # It was made and is given out; the next one who asks keeps it.
            with suppress(HilumError):
                self._kept.keep(made)
        return {holding.path: metadata for holding, metadata in made}


def metadata_of(payloads: Payloads, holding: Holding) -> bytes:
    """Make the DICOM JSON object of an instance; b"": it cannot be read. Blocks.

    Raises:
        OSError: it cannot be read now; perhaps later.
    """
    try:
        payload = payloads.open_payload(holding.path)
        try:
            header = header_of(payload, transfer_syntax(holding.transfer_syntax_uid))
        finally:
            payload.close()
    except CorruptPayload:
        return b""
    return to_json(header, bulk=_path)


def addressed(metadata: bytes, holding: Holding, bulk_root: str) -> bytes:
    """Say where its bulk data is."""
    if _ADDRESS not in metadata:
        return metadata
    place = (
        f"{bulk_root}/studies/{holding.study_instance_uid}/series/{holding.series_instance_uid}"
        f"/instances/{holding.sop_instance_uid}/bulkdata/"
    )
    return metadata.replace(_ADDRESS, _ADDRESS + quoted(place)[1:-1].encode())


def _path(path: BulkPath, vr: str) -> str:
    del vr
    return path_text(path)
