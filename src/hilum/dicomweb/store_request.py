"""What the body of a store is, by its Content-Type (PS3.18 §10.5.1.3, Table 10.5.2-1)."""

from dataclasses import dataclass
from typing import Final

from hilum.dicomweb.boundary import boundary_of
from hilum.dicomweb.media_types import (
    DICOM,
    DICOM_JSON,
    DICOM_XML,
    MULTIPART_RELATED,
    MediaType,
    media_type,
)
from hilum.dicomweb.refusal import RequestRefused, bad
from hilum.kernel.errors import RemoteProtocolError

METADATA: Final = frozenset((DICOM_JSON, DICOM_XML, "application/json", "application/xml"))
_TAKEN: Final = (
    f'multipart/related; type="{DICOM}", "{DICOM_JSON}" or "{DICOM_XML}"; or {DICOM} for one '
    f"instance, {DICOM_JSON} or {DICOM_XML} for what has no bulk data"
)


@dataclass(frozen=True, slots=True)
class StoreBody:
    """A body of many parts, or (`boundary` is "") one that is its only part.

    `part`: what the parts are, where they do not say it themselves.
    """

    part: MediaType
    boundary: str = ""

    def type_of(self, said: str) -> MediaType:
        """Read the media type of a part, whose header has `said`.

        Raises:
            RequestRefused: 400, it is none.
        """
        if not said:
            return self.part
        try:
            return media_type(said)
        except RemoteProtocolError as error:
            raise bad("the Content-Type of a part is no media type") from error


def store_body(content_type: str) -> StoreBody:
    """Read the Content-Type of a store.

    Raises:
        RequestRefused: 415 it is nothing that can be stored, 400 it cannot be read.
    """
    if not content_type:
        raise RequestRefused(415, f"Content-Type is missing; expected {_TAKEN}")
    try:
        found = media_type(content_type)
        if found.essence == DICOM or found.essence in METADATA:
            return StoreBody(found)
        if found.essence != MULTIPART_RELATED:
            raise _unsupported()
        part = media_type(found.parameter("type") or DICOM)
        if part.essence != DICOM and part.essence not in METADATA:
            raise _unsupported()
        return StoreBody(part, boundary_of(found))
    except RemoteProtocolError as error:
        raise bad(f"Content-Type cannot be read; expected {_TAKEN}") from error


def _unsupported() -> RequestRefused:
    return RequestRefused(415, f"that Content-Type cannot be stored; expected {_TAKEN}")
