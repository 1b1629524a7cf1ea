"""Patients and names of people as FHIR has them."""

from collections.abc import Mapping
from typing import Any, Final

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.person_name import PersonName
from hilum.fhir.moments import fhir_date

# Extensions that tell in which script a name is (FHIR extension iso21090-EN-representation).
_REPRESENTATION: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_SCRIPTS: Final = ("ABC", "IDE", "SYL")
_GENDERS: Final[Mapping[str, str]] = {"M": "male", "F": "female", "O": "other"}
_OID_URN: Final = "urn:oid:"


def human_names(name: PersonName) -> list[dict[str, Any]]:
    """Give a HumanName for each group of a name that is not empty; the script where it is told."""
    found = []
    told = sum(1 for group in name.groups if group.strip("^")) > 1
    for script, group in zip(_SCRIPTS, name.groups, strict=True):
        if not group.strip("^ "):
            continue
        one = _human_name(group)
        if told:
            one["extension"] = [{"url": _REPRESENTATION, "valueCode": script}]
        found.append(one)
    return found


def _human_name(group: str) -> dict[str, Any]:
    family, given, middle, prefix, suffix = [*group.split("^"), "", "", "", "", ""][:5]
    parts = {
        "family": family.strip(),
        "given": [*given.split(), *middle.split()],
        "prefix": prefix.split(),
        "suffix": suffix.split(),
    }
    one: dict[str, Any] = {key: value for key, value in parts.items() if value}
    return {"text": display_name(group), **one}


def display_name(group: str) -> str:
    """Give a name as it is spoken: prefix, given, middle, family, suffix."""
    family, given, middle, prefix, suffix = [*group.split("^"), "", "", "", "", ""][:5]
    return " ".join(f"{prefix} {given} {middle} {family} {suffix}".split())


def identifier(value: str, issuer: str, use: str = "usual") -> dict[str, Any]:
    """Give an identifier; an issuer that is an OID or a URI names the system, else the assigner."""
    one: dict[str, Any] = {"use": use, "value": value}
    if not issuer:
        return one
    if issuer.replace(".", "").isdecimal() and "." in issuer:
        return {"use": use, "system": _OID_URN + issuer, "value": value}
    if ":" in issuer:
        return {"use": use, "system": issuer, "value": value}
    return one | {"assigner": {"display": issuer}}


def patient_identifier(study: DataSet) -> dict[str, Any] | None:
    """Give the identifier of a study's patient; None: it has none."""
    number = study.text(tags.PATIENT_ID)
    return identifier(number, study.text(tags.ISSUER_OF_PATIENT_ID)) if number else None


def patient(study: DataSet, resource_id: str) -> dict[str, Any]:
    """Give the patient of a study, to be contained in it: nobody keeps patients here."""
    found = patient_identifier(study)
    names = [one for name in study.names(tags.PATIENT_NAME) for one in human_names(name)]
    sex = study.text(tags.PATIENT_SEX).upper()
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": resource_id,
        "identifier": [found] if found else [],
        "name": names,
        "gender": _GENDERS.get(sex, "unknown"),
        "birthDate": fhir_date(study.text(tags.PATIENT_BIRTH_DATE)),
    }
    return {key: value for key, value in resource.items() if value}
