"""The parameters of a search for ImagingStudy as those of a DICOM search (QIDO-RS).

FHIR is lenient: what is not known is ignored and told of, unless the client asks for strictness.
A modifier that is not known is always refused: it may mean the opposite.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from hilum.fhir.imaging_study import OID_URN, UID_SYSTEM
from hilum.fhir.moments import span_of
from hilum.fhir.outcome import Refused
from hilum.kernel.names import is_uid

COUNT_DEFAULT: Final = 20
COUNT_MAX: Final = 200  # each brings its series along
IGNORED_LENGTH_MAX: Final = 64  # of a parameter that is told of
_DIGITS_MAX: Final = 9
_BEYOND: Final = frozenset(("gt", "lt", "sa", "eb"))  # what is named does not fit itself
_PREFIXES: Final = _BEYOND | {"eq", "ge", "le"}
# They change how an answer looks; the order of studies and when they changed are not among them.
_OPTIONS: Final = frozenset(("_format", "_pretty", "_total", "_elements"))
# A comma stands between values of which one must fit, unless it is escaped.
_BETWEEN_VALUES: Final = re.compile(r"(?<!\\),")
_ESCAPED: Final = re.compile(r"\\([\\$,|])")
# Said by who has DICOM's own names for it; each is a key of the study or of something below it.
_PLAIN: Final[Mapping[str, str]] = {
    "modality": "ModalitiesInStudy",
    "patient.name": "PatientName",
    "patient:Patient.name": "PatientName",
    "subject.name": "PatientName",
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
        elif name.partition(":")[0] in PARAMETERS:
            raise Refused(400, "not-supported", f"{name[:64]}: this modifier is not known here")
        else:
            search.ignored.append(name[:IGNORED_LENGTH_MAX])
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
        first, last = span
        # Days are what is compared: a limit within a day lets all of that day through.
        if prefix in _BEYOND and "T" not in value:
            first, last = _day_after(last), _day_before(first)
        if prefix in {"", "eq", "ge", "gt", "sa"}:
            self.first = max(self.first, first)
        if prefix in {"", "eq", "le", "lt", "eb"}:
            self.last = min(self.last or last, last)


def _plain(name: str, value: str) -> str:
    if name == "modality":
        return ",".join([_code(part) for part in value.split(",")])
    # FHIR searches names from their beginning; families come first in DICOM.
    return "\\".join([f"{part.strip()}*" for part in _values(value)])


def _values(value: str) -> list[str]:
    """Part a list of values of which one must fit."""
    return [_ESCAPED.sub(r"\1", part) for part in _BETWEEN_VALUES.split(value) if part.strip()]


def _codes(name: str, value: str) -> tuple[str, list[str]]:
    """Part a list of `system|code`; give their one system and the codes."""
    tokens = [part.rpartition("|") for part in _values(value)]
    systems = {f"{system}{bar}" for system, bar, _ in tokens}
    if len(systems) != 1:
        raise _bad(name, "expected values of one system")
    return systems.pop(), [code.strip() for _, _, code in tokens]


def _day_after(day: str) -> str:
    return _shifted(day, 1)


def _day_before(day: str) -> str:
    return _shifted(day, -1)


def _shifted(day: str, days: int) -> str:
    """Give a day some days on; the first and last of the calendar stay where they are."""
    try:
        moved = date.fromisoformat(day) + timedelta(days=days)
    except OverflowError:
        return day
    return f"{moved:%Y%m%d}".rjust(8, "0")


def _code(token: str) -> str:
    """Take the code of `system|code`."""
    return token.rpartition("|")[2].strip()


def _identifier(search: Search, value: str) -> None:
    """Read `urn:dicom:uid|urn:oid:…` as a study's UID, all else as an accession number."""
    system, codes = _codes("identifier", value)
    if system == f"{UID_SYSTEM}|" or all(code.startswith(OID_URN) for code in codes):
        _uid(search, "StudyInstanceUID", ",".join(codes))
    elif system.strip("|"):
        # Accession numbers have no system here.
        search.is_empty = True
    else:
        search.put("AccessionNumber", "\\".join(codes))


def _patient_identifier(search: Search, value: str) -> None:
    system, codes = _codes("patient.identifier", value)
    search.put("PatientID", "\\".join(codes))
    if system.strip("|"):
        search.put("IssuerOfPatientID", system.removesuffix("|").removeprefix(OID_URN))


def _patient(search: Search, value: str) -> None:
    """Read a reference: nobody keeps patients here, so the id behind the slash is a Patient ID."""
    ids = [part.rpartition("/")[2] for part in _values(value)]
    search.put("PatientID", "\\".join(ids))


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
    # None of them is how many there are; pages without any would have no last one.
    search.only_total |= not search.count


def _offset(search: Search, value: str) -> None:
    search.offset = _number("_offset", value)


def _summary(search: Search, value: str) -> None:
    search.only_total |= value == "count"


def _bad(name: str, reason: str) -> Refused:
    return Refused(400, "invalid", f"{name}: {reason}")


_READERS: Final[Mapping[str, Callable[[Search, str], None]]] = {
    "_id": lambda search, value: _uid(search, "StudyInstanceUID", value),
    "identifier": _identifier,
    "patient": _patient,
    "subject": _patient,
    "patient.identifier": _patient_identifier,
    "patient:identifier": _patient_identifier,
    "patient:Patient.identifier": _patient_identifier,
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
