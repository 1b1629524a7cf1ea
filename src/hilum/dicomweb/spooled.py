"""A part of a request that lies on disk until all of the request is there."""

from dataclasses import dataclass

from hilum.dicomweb.media_types import MediaType


@dataclass(frozen=True, slots=True)
class SpooledPart:
    """What it is, what it is called (Content-Location), and where its bytes are."""

    kind: MediaType
    location: str
    position: int
    length: int
