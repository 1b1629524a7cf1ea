"""What a client is told when there is no picture, or none now."""

from hilum.dicomweb.refusal import RequestRefused
from hilum.imaging.refusal import DamagedPixels, NoPicture
from hilum.pipeline.drawing.studio import EXTRA, StudioBusy, can_draw

_COME_AGAIN_SECONDS = "2"


def refusal_of(error: NoPicture | StudioBusy) -> RequestRefused:
    """Refuse with the reason: 409 where pixels contradict what is said of them."""
    match error:
        case StudioBusy():
            return RequestRefused(503, str(error), {"Retry-After": _COME_AGAIN_SECONDS})
        case DamagedPixels():
            return RequestRefused(409, f"there is no picture of it: {error}")
        case NoPicture():
            return RequestRefused(406, f"there is no picture of it: {error}")


def check_drawing() -> None:
    """Raise RequestRefused, 501, where pictures cannot be drawn at all."""
    if not can_draw():
        raise RequestRefused(
            501,
            "this gateway draws no pictures: it is installed without the extra "
            f"`{EXTRA}` (hilum[{EXTRA}])",
        )
