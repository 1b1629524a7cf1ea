"""A study with its series and instances as an ImagingStudy, of R4 and of R5."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.fhir.moments import OffsetOf, fhir_date_time
from hilum.fhir.people import display_name, identifier, patient, patient_identifier
from hilum.fhir.release import Release

UID_SYSTEM: Final = "urn:dicom:uid"
OID_URN: Final = "urn:oid:"
DICOM_SYSTEM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_IDENTIFIER_TYPES: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
_URI_SYSTEM: Final = "urn:ietf:rfc:3986"
_PATIENT: Final = "patient"
_MODALITIES_IN_STUDY: Final = 0x00080061
_SERIES_OF_STUDY: Final = 0x00201206
_INSTANCES_OF_STUDY: Final = 0x00201208
_INSTANCES_OF_SERIES: Final = 0x00201209
_LATERALITY: Final = 0x00200060
# SNOMED CT, as FHIR's own examples have them (bodysite-laterality).
_SIDES: Final[Mapping[str, tuple[str, str]]] = {
    "R": ("24028007", "Right"),
    "L": ("7771000", "Left"),
    "B": ("51440002", "Bilateral"),
}
_SNOMED: Final = "http://snomed.info/sct"


@dataclass(frozen=True, slots=True)
class Study:
    """What is known of a study. `instances`: by series UID; a series that has none is listed so."""

    study: DataSet
    series: Sequence[DataSet] = ()
    instances: Mapping[str, Sequence[DataSet]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shape:
    """How resources are written: release, address of the Endpoint, zone of local times."""

    release: Release
    endpoint: str
    offset_of: OffsetOf


def imaging_study(one: Study, shape: Shape) -> dict[str, Any]:
    """Give the resource; its id is the Study Instance UID."""
    study = one.study
    offset = study.text(tags.TIMEZONE_OFFSET_FROM_UTC)
    started = fhir_date_time(
        study.text(tags.STUDY_DATE), study.text(tags.STUDY_TIME), offset, shape.offset_of
    )
    return _present(
        {
            "resourceType": "ImagingStudy",
            "id": study.text(tags.STUDY_INSTANCE_UID),
            "contained": [patient(study, _PATIENT)],
            "identifier": _identifiers(study),
            "status": "available",
            "modality": [_modality(code, shape) for code in study.texts(_MODALITIES_IN_STUDY)],
            "subject": _subject(study),
            "started": started,
            "referrer": _referrer(study),
            "endpoint": [{"reference": shape.endpoint}],
            "numberOfSeries": study.integer(_SERIES_OF_STUDY),
            "numberOfInstances": study.integer(_INSTANCES_OF_STUDY),
            "description": study.text(tags.STUDY_DESCRIPTION),
            "series": [_series(found, one, shape) for found in one.series],
        }
    )


def _identifiers(study: DataSet) -> list[dict[str, Any]]:
    uid = study.text(tags.STUDY_INSTANCE_UID)
    found: list[dict[str, Any]] = [
        {"use": "official", "system": UID_SYSTEM, "value": f"{OID_URN}{uid}"}
    ]
    accession = study.text(tags.ACCESSION_NUMBER)
    if accession:
        coding = {"system": _IDENTIFIER_TYPES, "code": "ACSN"}
        found.append(identifier(accession, "") | {"type": {"coding": [coding]}})
    return found


def _subject(study: DataSet) -> dict[str, Any]:
    name = next(iter(study.names(tags.PATIENT_NAME)), None)
    return _present(
        {
            "reference": f"#{_PATIENT}",
            "type": "Patient",
            "identifier": patient_identifier(study),
            "display": display_name(name.alphabetic) if name else "",
        }
    )


def _referrer(study: DataSet) -> dict[str, Any] | None:
    name = next(iter(study.names(tags.REFERRING_PHYSICIAN_NAME)), None)
    spoken = display_name(name.alphabetic) if name else ""
    return {"type": "Practitioner", "display": spoken} if spoken else None


def _series(series: DataSet, one: Study, shape: Shape) -> dict[str, Any]:
    uid = series.text(tags.SERIES_INSTANCE_UID)
    offset = series.text(tags.TIMEZONE_OFFSET_FROM_UTC)
    started = fhir_date_time(
        series.text(tags.SERIES_DATE), series.text(tags.SERIES_TIME), offset, shape.offset_of
    )
    return _present(
        {
            "uid": uid,
            "number": _unsigned(series, tags.SERIES_NUMBER),
            "modality": _modality(series.text(tags.MODALITY) or "OT", shape),
            "description": series.text(tags.SERIES_DESCRIPTION),
            "numberOfInstances": series.integer(_INSTANCES_OF_SERIES),
            "bodySite": _body_site(series.text(tags.BODY_PART_EXAMINED), shape),
            "laterality": _side(series.text(_LATERALITY), shape),
            "started": started,
            "instance": [_instance(found) for found in one.instances.get(uid, ())],
        }
    )


def _instance(instance: DataSet) -> dict[str, Any]:
    sop_class = instance.text(tags.SOP_CLASS_UID)
    return _present(
        {
            "uid": instance.text(tags.SOP_INSTANCE_UID),
            "sopClass": {"system": _URI_SYSTEM, "code": f"{OID_URN}{sop_class}"},
            "number": _unsigned(instance, tags.INSTANCE_NUMBER),
            "title": "\\".join(instance.texts(tags.IMAGE_TYPE)),
        }
    )


def _modality(code: str, shape: Shape) -> dict[str, Any]:
    return _concept({"system": DICOM_SYSTEM, "code": code}, shape)


def _body_site(text: str, shape: Shape) -> dict[str, Any] | None:
    """Give a body part by its DICOM name: codes of SNOMED would be a guess for a free text."""
    if not text:
        return None
    if shape.release is Release.R5:
        return {"concept": {"text": text}}
    return {"display": text}


def _side(letter: str, shape: Shape) -> dict[str, Any] | None:
    found = _SIDES.get(letter.upper())
    if found is None:
        return None
    return _concept({"system": _SNOMED, "code": found[0], "display": found[1]}, shape)


def _concept(coding: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """R5 made concepts of what were codings."""
    return {"coding": [coding]} if shape.release is Release.R5 else coding


def _unsigned(data_set: DataSet, tag: int) -> int | None:
    number = data_set.integer(tag)
    return number if number is not None and number >= 0 else None


def _present(resource: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is empty: FHIR has no empty values (json.html, §2.6.2); zero is one."""
    return {key: value for key, value in resource.items() if value not in (None, "", [], {})}
