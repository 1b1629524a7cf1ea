"""The parameters of a search for ImagingStudy as those of a DICOM search (QIDO-RS).

FHIR is lenient: what is not known is ignored and told of, unless the client asks for strictness.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hilum.fhir.imaging_study import OID_URN, UID_SYSTEM
from hilum.fhir.moments import span_of
from hilum.fhir.outcome import Refused
from hilum.kernel.names import is_uid

COUNT_DEFAULT: Final = 20
COUNT_MAX: Final = 200  # each brings its series along
_DIGITS_MAX: Final = 9
_PREFIXES: Final = frozenset(("eq", "ge", "gt", "le", "lt", "sa", "eb"))
_OPTIONS: Final = frozenset(("_format", "_pretty", "_sort", "_total", "_elements", "_lastUpdated"))
# Said by who has DICOM's own names for it; each is a key of the study or of something below it.
_PLAIN: Final[Mapping[str, str]] = {
    "modality": "ModalitiesInStudy",
    "patient.name": "PatientName",
    "subject:Patient.name": "PatientName",
}


@dataclass(slots=True)
class Search:
    """A search. `keys`: parameters of QIDO-RS at the study level; `is_empty`: nothing can match."""

    keys: dict[str, str] = field(default_factory=dict)
    count: int = COUNT_DEFAULT
    offset: int = 0
    is_empty: bool = False
    only_total: bool = False
    ignored: list[str] = field(default_factory=list)

    def put(self, key: str, value: str) -> None:
        """Ask for one more thing; two demands on one attribute have no answer but by luck."""
        if self.keys.get(key, value) != value:
            self.is_empty = True
        self.keys[key] = value


def search_of(parameters: Iterable[tuple[str, str]], *, is_strict: bool = False) -> Search:
    """Read the parameters.

    Raises:
        Refused: 400, a value has no meaning, or `is_strict` and a parameter is not known.
    """
    search = Search()
    days = _Days()
    for name, value in parameters:
        if not value or name in _OPTIONS:
            continue
        if name == "started":
            days.narrow(value)
        elif name in _PLAIN:
            search.put(_PLAIN[name], _plain(name, value))
        elif name in _READERS:
            _READERS[name](search, value)
        else:
            search.ignored.append(name[:64])
    if search.ignored and is_strict:
        raise Refused(400, "not-supported", f"not known here: {', '.join(search.ignored[:10])}")
    if days.first or days.last:
        search.is_empty |= bool(days.last) and days.first > days.last
        search.put("StudyDate", days.text)
    return search


class _Days:
    """What several demands on `started` leave of the calendar."""

    def __init__(self) -> None:
        self.first = ""
        self.last = ""

    @property
    def text(self) -> str:
        return self.first if self.first == self.last else f"{self.first}-{self.last}"

    def narrow(self, value: str) -> None:
        prefix = value[:2] if value[:2] in _PREFIXES else ""
        span = span_of(value[len(prefix) :])
        if span is None:
            raise _bad("started", "expected a date like 2024-05-31, with eq, ge, gt, le or lt")
        # Days are what is compared: a limit on a day lets all of that day through.
        if prefix in {"", "eq", "ge", "gt", "sa"}:
            self.first = max(self.first, span[0])
        if prefix in {"", "eq", "le", "lt", "eb"}:
            self.last = min(self.last or span[1], span[1])


def _plain(name: str, value: str) -> str:
    if name == "modality":
        return ",".join([_code(part) for part in value.split(",")])
    # FHIR searches names from their beginning; families come first in DICOM.
    return f"{value.strip()}*"


def _code(token: str) -> str:
    """Take the code of `system|code`."""
    return token.rpartition("|")[2].strip()


def _identifier(search: Search, value: str) -> None:
    """Read `urn:dicom:uid|urn:oid:…` as a study's UID, all else as an accession number."""
    system, bar, code = value.rpartition("|")
    if code.startswith(OID_URN) or system == UID_SYSTEM:
        _uid(search, "StudyInstanceUID", code)
    elif bar and system:
        # Accession numbers have no system here.
        search.is_empty = True
    else:
        search.put("AccessionNumber", code)


def _patient_identifier(search: Search, value: str) -> None:
    system, _, code = value.rpartition("|")
    search.put("PatientID", code)
    if system:
        search.put("IssuerOfPatientID", system.removeprefix(OID_URN))


def _patient(search: Search, value: str) -> None:
    """Read a reference: nobody keeps patients here, so the id behind the slash is a Patient ID."""
    search.put("PatientID", value.rpartition("/")[2])


def _status(search: Search, value: str) -> None:
    search.is_empty |= "available" not in [_code(part) for part in value.split(",")]


def _uid(search: Search, key: str, value: str) -> None:
    uids = [part.strip().removeprefix(OID_URN) for part in value.split(",")]
    if not all(is_uid(uid) for uid in uids):
        raise _bad(key, "expected a UID")
    search.put(key, ",".join(uids))


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal()) or len(value) > _DIGITS_MAX:
        raise _bad(name, "expected a whole number of zero or more")
    return int(value)


def _count(search: Search, value: str) -> None:
    search.count = min(_number("_count", value), COUNT_MAX)


def _offset(search: Search, value: str) -> None:
    search.offset = _number("_offset", value)


def _summary(search: Search, value: str) -> None:
    search.only_total = value == "count"


def _bad(name: str, reason: str) -> Refused:
    return Refused(400, "invalid", f"{name}: {reason}")


_READERS: Final[Mapping[str, Callable[[Search, str], None]]] = {
    "_id": lambda search, value: _uid(search, "StudyInstanceUID", value),
    "identifier": _identifier,
    "patient": _patient,
    "subject": _patient,
    "patient.identifier": _patient_identifier,
    "patient:identifier": _patient_identifier,
    "subject.identifier": _patient_identifier,
    "subject:identifier": _patient_identifier,
    "subject:Patient.identifier": _patient_identifier,
    "status": _status,
    "series": lambda search, value: _uid(search, "SeriesInstanceUID", value),
    "instance": lambda search, value: _uid(search, "SOPInstanceUID", value),
    "dicom-class": lambda search, value: _uid(search, "SOPClassesInStudy", value),
    "_count": _count,
    "_offset": _offset,
    "_summary": _summary,
}
PARAMETERS: Final = tuple(sorted({*_READERS, *_PLAIN, "started"}))
