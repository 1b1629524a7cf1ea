"""The metadata of instances: made from their headers, with addresses of bulk data put in late.

What is kept knows nothing of where it will be asked for: an address is only the path of its value
then. `"BulkDataURI":"` cannot be within a text, whose quotes have backslashes.
"""

from typing import Final

from hilum.dicom.bulk import BulkPath, path_text
from hilum.dicom.json_writer import quoted, to_json
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import CorruptPayload
from hilum.ledger.holdings import Holding
from hilum.pipeline.archive.header import header_of
from hilum.pipeline.ports import Payloads

_ADDRESS: Final = b'"BulkDataURI":"'


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
