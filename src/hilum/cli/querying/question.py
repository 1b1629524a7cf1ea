"""The options that say what is looked for, and the question they make."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Final

from cyclopts import Parameter

from hilum.cli.querying.columns import default_columns
from hilum.cli.querying.keys import Key, identifier_of, parse_key
from hilum.dicom import tags
from hilum.dicom.charset_writing import DEFAULT, UTF_8, term_for
from hilum.dicom.charsets import charset_of
from hilum.dicom.dataset import DataSet
from hilum.dicom.match_keys import BadKey, matching_of
from hilum.kernel.errors import Misconfigured
from hilum.kernel.names import UID
from hilum.query.identifier import QUERY_RETRIEVE_LEVEL
from hilum.query.level import Level, Model

_LATIN_1: Final = "ISO_IR 100"
_MODALITIES_IN_STUDY: Final = 0x00080061
_DAYS: Final = {"today": 0, "yesterday": 1}
_LEVELS: Final = {
    **{level.name.lower(): level for level in Level},
    "instance": Level.IMAGE,
}


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class QuestionOptions:
    """What is looked for. Values may have wild cards (`*`, `?`) where DICOM allows them."""

    level: Annotated[str | None, Parameter(name=["--level", "-L"])] = None
    "patient, study, series or image (default: the lowest of those named, or study)."

    keys: Annotated[
        tuple[str, ...],
        Parameter(name=["--attribute", "-k"], negative="", allow_leading_hyphen=True),
    ] = ()
    "Keyword=Value, 0010,0020=Value or Sequence[0].Keyword=Value; without a value: show it."

    patient: str | None = None
    "Patient ID."

    name: str | None = None
    "Patient's name, for example 'DOE^J*'."

    accession: str | None = None
    "Accession number."

    date: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    "Study date: 20260131, 202601, 2026, 20260101-20260315, 2026-, -2025, today, yesterday."

    modality: str | None = None
    "CT, MR, …: of one of the series, for studies; of the series otherwise."

    study: str | None = None
    "Study Instance UID."

    series: str | None = None
    "Series Instance UID."

    instance: str | None = None
    "SOP Instance UID."

    patient_root: Annotated[bool, Parameter(name=["--patient-root", "-P"], negative="")] = False
    "Use the patient root model; the default for the patient level."

    study_root: Annotated[bool, Parameter(name=["--study-root", "-S"], negative="")] = False
    "Use the study root model; the default for all other levels."

    relational: Annotated[bool, Parameter(negative="")] = False
    "Offer relational queries: keys above the level need not be unique then."

    charset: str | None = None
    "Specific Character Set of the question, or none; default: one that has all its characters."

    def question(self) -> "Question":
        """Put the question together.

        Raises:
            Misconfigured: an option makes no sense, alone or with another one.
        """
        typed = [parse_key(text) for text in self.keys]
        level = self._level(typed)
        model = self._model(level)
        named = [*self._named(level), *[key for key in typed if key.path not in _LEVEL_OR_CHARSET]]
        return Question(
            level=level,
            model=model,
            keys=tuple(named),
            charset=self._charset(named, typed),
            relational=self.relational,
        )

    def _level(self, typed: list[Key]) -> Level:
        key = next((key.value for key in typed if key.path == (QUERY_RETRIEVE_LEVEL,)), None)
        text = self.level or key
        if text is not None:
            if text.lower() not in _LEVELS:
                raise Misconfigured(f"level {text!r}: write one of {', '.join(_LEVELS)}")
            return _LEVELS[text.lower()]
        if self.instance is not None:
            return Level.IMAGE
        return Level.STUDY if self.series is None else Level.SERIES

    def _model(self, level: Level) -> Model:
        if self.patient_root and self.study_root:
            raise Misconfigured("--patient-root and --study-root: choose one")
        if level is Level.PATIENT and self.study_root:
            raise Misconfigured("the study root model has no patient level (PS3.4 §C.6.2)")
        is_patient_root = self.patient_root or level is Level.PATIENT
        return Model.PATIENT_ROOT if is_patient_root else Model.STUDY_ROOT

    def _named(self, level: Level) -> Iterator[Key]:
        """Give the keys of the friendly options."""
        modality = _MODALITIES_IN_STUDY if level <= Level.STUDY else tags.MODALITY
        values = (
            (tags.PATIENT_ID, self.patient),
            (tags.PATIENT_NAME, self.name),
            (tags.ACCESSION_NUMBER, self.accession),
            (tags.STUDY_DATE, None if self.date is None else _dates(self.date)),
            (modality, self.modality),
            (tags.STUDY_INSTANCE_UID, self.study),
            (tags.SERIES_INSTANCE_UID, self.series),
            (tags.SOP_INSTANCE_UID, self.instance),
        )
        for tag, value in values:
            if value is not None:
                # UIDs and modalities cannot have a comma; several of them may be looked for.
                is_list = tag not in {tags.PATIENT_ID, tags.PATIENT_NAME, tags.ACCESSION_NUMBER}
                yield Key((tag,), value.replace(",", "\\") if is_list else value)

    def _charset(self, keys: list[Key], typed: list[Key]) -> str:
        key = next((k.value for k in typed if k.path == (tags.SPECIFIC_CHARACTER_SET,)), None)
        wish = key if self.charset is None else self.charset
        if wish is None or (self.charset is None and not wish):
            return _charset_for([key.value for key in keys])
        if wish.lower() == "none":
            return DEFAULT
        if not charset_of(wish.encode("ascii", "replace")).known:
            raise Misconfigured(f"charset {wish!r} is none of DICOM's, for example {_LATIN_1}")
        return wish


_LEVEL_OR_CHARSET: Final = frozenset(((QUERY_RETRIEVE_LEVEL,), (tags.SPECIFIC_CHARACTER_SET,)))


def _charset_for(texts: list[str]) -> str:
    """Choose a character set: what old archives know before what all should know.

    A question without foreign characters says UTF-8: answerers that convert lose nothing then.
    """
    if all(text.isascii() for text in texts):
        return UTF_8
    return term_for(texts, _LATIN_1)


def _first_day(text: str) -> str:
    """Give the first day of a year, a month or a day."""
    return text + "0101"[len(text) - 4 :] if len(text) in {4, 6} else text


def _last_day(text: str) -> str:
    """Give the last day of a year, a month or a day."""
    if len(text) == len("YYYYMM") and text.isdecimal() and 1 <= int(text[4:]) <= 12:
        return f"{text}{monthrange(int(text[:4]), int(text[4:]))[1]}"
    return f"{text}1231" if len(text) == len("YYYY") else text


def _dates(text: str) -> str:
    """Read a date, a month or year, or a range of them."""
    days = _DAYS.get(text.lower())
    if days is not None:
        return f"{date.today() - timedelta(days=days):%Y%m%d}"  # noqa: DTZ011 - the user's own day
    first, hyphen, last = text.partition("-")
    if not hyphen and len(first) < len("YYYYMMDD"):
        hyphen, last = "-", first
    dates = _first_day(first) + (f"-{_last_day(last)}" if hyphen else "")
    try:
        matching_of("DA", dates)
    except BadKey as error:
        raise Misconfigured(
            f"--date {text!r}: write 20260131, 20260101-20260131, 20260101-, -2025, today, …"
        ) from error
    return dates


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for, at which level of which model."""

    level: Level
    model: Model
    keys: tuple[Key, ...]
    charset: str
    relational: bool = False

    @property
    def find_class(self) -> UID:
        """The SOP class of its C-FIND."""
        return UID(self.model.find_uid)

    def identifier(self) -> DataSet:
        """Give the identifier of its C-FIND: what is looked for, and what is to be shown.

        Raises:
            Misconfigured: a value cannot be sent.
        """
        shown = [Key(column.path) for column in default_columns(self.level)]
        above = [Key((one.unique_tag,)) for one in self.model.levels if one < self.level]
        level = Key((QUERY_RETRIEVE_LEVEL,), self.level.name)
        return identifier_of([level, *above, *shown, *self.keys], charset=self.charset)
