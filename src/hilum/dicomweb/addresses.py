"""The addresses that we emit: RetrieveURL and BulkDataURI."""

from hilum.dicom.bulk import BulkPath, path_text
from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.resource import Place


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
