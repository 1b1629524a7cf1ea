"""What is spoken here, as a CapabilityStatement."""

from collections.abc import Mapping
from typing import Any, Final

from hilum.fhir.release import JSON_TYPE, Release
from hilum.fhir.search import PARAMETERS

_TYPES: Final[Mapping[str, str]] = {
    "_id": "token",
    "identifier": "token",
    "patient": "reference",
    "subject": "reference",
    "status": "token",
    "modality": "token",
    "series": "token",
    "instance": "token",
    "dicom-class": "uri",
    "started": "date",
}


def capability_statement(
    release: Release, *, version: str, date: str, address: str
) -> dict[str, Any]:
    """Give the statement; `date`: when this version was made, as YYYY-MM-DD."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "Hilum", "version": version},
        "implementation": {"description": "Hilum, a DICOM gateway", "url": address},
        "fhirVersion": release.value,
        "format": [JSON_TYPE],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": "ImagingStudy",
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "versioning": "no-version",
                        "searchParam": [
                            {"name": name, "type": _TYPES[name]}
                            for name in PARAMETERS
                            if name in _TYPES
                        ],
                    },
                    {
                        "type": "Endpoint",
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                    },
                ],
            }
        ],
    }
