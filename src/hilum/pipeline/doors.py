"""The doors that things come in by, and which of them it was, from what is kept of it."""

from typing import Final

DIMSE: Final = "dimse"
FOLDER: Final = "folder"
WEB: Final = "web"
FETCH: Final = "fetch"  # nobody brought it: we went for it
# How requests are named where associations have their names.
_REQUEST: Final = "http-"
_FETCH: Final = "fetch-"


def door_of(*, calling_ae_title: str, association_id: str) -> str:
    """Tell by which door something came: associations have titles, requests names of their own."""
    if association_id.startswith(_REQUEST):
        return WEB
    if association_id.startswith(_FETCH):
        return FETCH
    return DIMSE if calling_ae_title else FOLDER
