"""Pages for people: the quick look of our own, and OHIF where it is installed."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from hilum.console import ohif
from hilum.console.files import Files

VIEWER_PATH: Final = "/viewer"
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def pages_of(
    data: Path, *, dicomweb: str, others: Mapping[str, str] | None = None
) -> dict[str, ASGIApp]:
    """Give the pages by their paths; `data` is where OHIF lies, if it was installed.

    `dicomweb`: what is shown at first; `others`: further DICOMweb roots, by what they are called.
    """
    pages: dict[str, ASGIApp] = {
        VIEWER_PATH: Files(files("hilum.console.viewer"), headers=_HEADERS)
    }
    installed = ohif.application(data / ohif.FOLDER, dicomweb=dicomweb, others=others or {})
    return pages if installed is None else pages | {ohif.PATH: installed}
