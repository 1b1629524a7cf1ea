"""Which release of FHIR and which format a client wants (FHIR R5, RESTful API, §3.2.0.7)."""

from collections.abc import Iterable
from enum import Enum
from typing import Final

from hilum.fhir.outcome import Refused

JSON_TYPE: Final = "application/fhir+json"
_JSON_TYPES: Final = frozenset(
    (JSON_TYPE, "application/json", "text/json", "json", "application/json+fhir", "*/*", "")
)
_ANY: Final = frozenset(("application/*", "text/html", "application/xhtml+xml"))


class Release(Enum):
    """A release that is spoken; the value is its full number."""

    R4 = "4.0.1"
    R5 = "5.0.0"

    @property
    def content_type(self) -> str:
        """What answers say of themselves."""
        return f"{JSON_TYPE}; fhirVersion={self.value[:3]}; charset=utf-8"


def release_of(accept: str, formats: Iterable[str]) -> Release:
    """Choose by `_format`, else by Accept; R4 for who names no release.

    Raises:
        Refused: 406, neither has anything of what there is.
    """
    for text in (*formats, *accept.split(",")):
        essence, *parameters = [part.strip() for part in text.split(";")]
        # Browsers and scripts without a word of FHIR get what there is.
        if essence.lower() in _JSON_TYPES | _ANY:
            return _named(parameters)
    raise Refused(406, "not-supported", f"only {JSON_TYPE} is spoken, of FHIR 4.0 and 5.0")


def _named(parameters: Iterable[str]) -> Release:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "fhirversion":
            number = value.strip(' "')
            found = next((one for one in Release if one.value.startswith(number[:3])), None)
            if not number or found is None:
                raise Refused(406, "not-supported", "fhirVersion: 4.0 and 5.0 are spoken")
            return found
    return Release.R4
