"""Where the images of a study are fetched from, as an Endpoint."""

from typing import Any, Final

from hilum.fhir.release import Release

ENDPOINT_ID: Final = "dicom-web"
_CONNECTION_TYPES: Final = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
_WADO_RS: Final = "dicom-wado-rs"
_PAYLOAD: Final = {"text": "DICOM"}


def endpoint(address: str, release: Release) -> dict[str, Any]:
    """Give the Endpoint of the DICOMweb service at `address`."""
    coding = {"system": _CONNECTION_TYPES, "code": _WADO_RS}
    common: dict[str, Any] = {
        "resourceType": "Endpoint",
        "id": ENDPOINT_ID,
        "status": "active",
        "name": "DICOMweb",
        "address": address,
    }
    if release is Release.R5:
        payload = {"type": [_PAYLOAD], "mimeType": ["application/dicom"]}
        return common | {"connectionType": [{"coding": [coding]}], "payload": [payload]}
    return common | {
        "connectionType": coding,
        "payloadType": [_PAYLOAD],
        "payloadMimeType": ["application/dicom"],
    }
