"""The addresses that we emit: RetrieveURL and BulkDataURI."""

from hilum.dicom.bulk import BulkPath, path_text
from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.resource import Place


def path_to(place: Place) -> str:
    """Write the path of a study, series or instance."""
    return path_of(place.study, place.series, place.instance)


def path_of(study: str, series: str = "", instance: str = "") -> str:
    """Write it of UIDs; those that are "" are left out."""
    path = f"/studies/{study}" if study else ""
    if series:
        path += f"/series/{series}"
    return f"{path}/instances/{instance}" if instance else path


def url_of(base: BaseUrl, place: Place) -> str:
    """Write a RetrieveURL (PS3.18 §10.6.3.3)."""
    return f"{base}{path_to(place)}"


def bulk_uri(base: BaseUrl, instance: Place, path: BulkPath) -> str:
    """Write the BulkDataURI of one value of an instance."""
    return f"{base}{path_to(instance)}/bulkdata/{path_text(path)}"
