"""The addresses that we emit: RetrieveURL, BulkDataURI, and reading the latter again."""

from collections.abc import Callable
from typing import Final

from hilum.dicom.bulk import BulkPath, path_text
from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.request_path import resource_of
from hilum.dicomweb.resource import Place, RetrieveBulk

_UP: Final = "../"


def path_to(place: Place) -> str:
    """Write the path of a study, series or instance."""
    parts = (("studies", place.study), ("series", place.series), ("instances", place.instance))
    return "".join([f"/{name}/{uid}" for name, uid in parts if uid])


def url_of(base: BaseUrl, place: Place) -> str:
    """Write a RetrieveURL (PS3.18 §10.6.3.3)."""
    return f"{base}{path_to(place)}"


def bulk_uri(base: BaseUrl, instance: Place, path: BulkPath) -> str:
    """Write the BulkDataURI of one value of an instance."""
    return f"{base}{path_to(instance)}/bulkdata/{path_text(path)}"


def relative_bulk_uri(asked: Place, instance: Place, path: BulkPath) -> str:
    """Write a BulkDataURI relative to the metadata of `asked` (RFC 3986 §5.2, PS3.18 §8.7.3.2).

    `asked` is as the request named it. The address of its metadata ends in `…/metadata`, so what is
    relative begins where `asked` is.
    """
    end = f"bulkdata/{path_text(path)}"
    asked_path, instance_path = path_to(asked), path_to(instance)
    if instance_path == asked_path:
        return end
    if instance_path.startswith(asked_path + "/"):
        return f"{instance_path[len(asked_path) + 1 :]}/{end}"
    # A flat path: up to the root of the service, and down again.
    return _UP * asked_path.count("/") + f"{instance_path[1:]}/{end}"


def bulk_uris(base: BaseUrl, instance: Place) -> Callable[[BulkPath, str], str]:
    """Give what writers of JSON and XML want to know: where a value of this instance is."""
    start = f"{base}{path_to(instance)}/bulkdata/"

    def uri(path: BulkPath, vr: str) -> str:
        del vr
        return start + path_text(path)

    return uri


def bulk_of(base: BaseUrl, uri: str) -> RetrieveBulk | None:
    """Read a BulkDataURI that we wrote, absolute or from the root of the service on.

    None: it is somebody else's, and nothing for us to fetch.
    """
    path = uri.removeprefix(str(base))
    if not path.startswith("/") or not path.isascii():
        return None
    try:
        found = resource_of("GET", path.encode("ascii"))
    except RequestRefused:
        return None
    return found if isinstance(found, RetrieveBulk) else None
