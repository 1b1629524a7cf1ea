"""WADO-URI: one instance by parameters (PS3.18 §9). Old, and what many systems still link with."""

from dataclasses import dataclass
from typing import Final

from hilum.dicomweb.choice import Accepted
from hilum.dicomweb.media_types import DICOM
from hilum.dicomweb.percent import once
from hilum.dicomweb.refusal import bad
from hilum.dicomweb.rendering import (
    Pairs,
    Rendering,
    Viewport,
    VoiFunction,
    Window,
    annotations_of,
    number_of,
    quality_of_text,
    size_of,
    window_of,
)
from hilum.dicomweb.request_path import frame_numbers
from hilum.dicomweb.resource import Place
from hilum.kernel.names import is_uid

_UNLIMITED: Final = 16_384  # the side that was not asked for: the aspect ratio decides


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the image in fractions of its width and height, from the upper left corner on."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class WadoUri:
    """What is asked for.

    `accepted`: contentType, or else the Accept header. `transfer_syntax`: of application/dicom, ""
    the default. `frame` and `rendering` are of pictures. `is_anonymized`: without who it is.
    """

    place: Place
    accepted: Accepted
    transfer_syntax: str
    frame: int | None
    rendering: Rendering
    region: Region | None
    is_anonymized: bool
    charset: str


def wado_uri_of(pairs: Pairs, accept: str) -> WadoUri:
    """Read the parameters of a WADO-URI request.

    Names are taken in any case: links are written by hand.

    Raises:
        RequestRefused: it is none, or one of them has no meaning.
    """
    if once(pairs, "requestType").upper() != "WADO":
        raise bad("requestType: expected WADO (PS3.18 §9.4.1)")
    frame = once(pairs, "frameNumber")
    content_type = once(pairs, "contentType")
    return WadoUri(
        place=Place(_uid(pairs, "studyUID"), _uid(pairs, "seriesUID"), _uid(pairs, "objectUID")),
        accepted=Accepted(_accept(pairs, content_type, accept)),
        transfer_syntax=_syntax(pairs),
        frame=_frame(frame) if frame else None,
        rendering=Rendering(
            window=_window(pairs),
            viewport=_viewport(pairs),
            quality=quality_of_text(once(pairs, "imageQuality"), "imageQuality"),
            annotations=annotations_of(
                once(pairs, "imageAnnotation") or once(pairs, "annotation"), "imageAnnotation"
            ),
        ),
        region=_region(once(pairs, "region")),
        is_anonymized=_yes(once(pairs, "anonymize"), "anonymize"),
        charset=once(pairs, "charset")[:64],
    )


def _accept(pairs: Pairs, content_type: str, accept: str) -> str:
    """Give what is accepted; application/dicom in the syntax that is named beside it."""
    if not content_type:
        return accept
    syntax = _syntax(pairs)
    if syntax and content_type.strip().lower() == DICOM:
        return f'{DICOM}; transfer-syntax="{syntax}"'
    return content_type


def _syntax(pairs: Pairs) -> str:
    syntax = once(pairs, "transferSyntax").strip()
    if syntax not in {"", "*"} and not is_uid(syntax):
        raise bad("transferSyntax: not a UID")
    return syntax


def _uid(pairs: Pairs, name: str) -> str:
    uid = once(pairs, name).strip(" \0")
    if not is_uid(uid):
        raise bad(f"{name}: {'not a UID' if uid else 'it is missing'} (PS3.18 §9.4.1)")
    return uid


def _frame(text: str) -> int:
    found = frame_numbers(text)
    if len(found) != 1:
        raise bad("frameNumber: expected one number")
    return found[0]


def _yes(text: str, name: str) -> bool:
    if text.lower() not in {"", "yes", "no"}:
        raise bad(f"{name}: expected yes")
    return text.lower() == "yes"


def _window(pairs: Pairs) -> Window | None:
    center, width = once(pairs, "windowCenter"), once(pairs, "windowWidth")
    if not center and not width:
        return None
    if not center or not width:
        raise bad("windowCenter and windowWidth: neither is there without the other")
    return window_of(center, width, VoiFunction.LINEAR, "windowCenter, windowWidth")


def _viewport(pairs: Pairs) -> Viewport | None:
    """Read rows and columns: the picture fits into them."""
    rows, columns = once(pairs, "rows"), once(pairs, "columns")
    if not rows and not columns:
        return None
    return Viewport(
        width=size_of(columns, "columns") if columns else _UNLIMITED,
        height=size_of(rows, "rows") if rows else _UNLIMITED,
    )


def _region(text: str) -> Region | None:
    if not text:
        return None
    parts = [number_of(part.strip(), "region") for part in text.split(",", maxsplit=4)]
    if len(parts) != 4:
        raise bad("region: expected left,top,right,bottom")
    region = Region(*parts)
    if not (0 <= region.left < region.right <= 1 and 0 <= region.top < region.bottom <= 1):
        raise bad("region: expected fractions from 0 to 1, left before right, top before bottom")
    return region
