"""Which attributes a list shows at each level, how they are called there, and how they read."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hilum.cli.querying.keys import Key, Path
from hilum.cli.sending.words import printable
from hilum.dicom import dictionary, tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.person_name import PersonName
from hilum.dicom.sop_classes import sop_class_name
from hilum.dicom.vrs import vr_of
from hilum.query.level import Level


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute of each match, as a column."""

    title: str
    path: Path
    is_number: bool = False
    is_spare: bool = False  # left out where a line is too short for all

    def cell(self, match: DataSet) -> str:
        """Give what stands in the column."""
        found = [match]
        for step in self.path[:-1]:
            found = [item for one in found for item in one.items(step)]
        texts = [text for one in found for text in _texts(one, self.path[-1])]
        return printable(", ".join(text for text in texts if text))


def _texts(data_set: DataSet, tag: int) -> list[str]:
    """Give the values of an attribute as people write them."""
    texts = data_set.texts(tag)
    match data_set.vr(tag):
        case "DA":
            return [_date(text) for text in texts]
        case "TM":
            return [_time(text) for text in texts]
        case "PN":
            return [_name(text) for text in texts]
        case "UI" if tag in _CLASSES:
            return [sop_class_name(text).removesuffix(" Storage") for text in texts]
        case _:
            return texts


def _date(text: str) -> str:
    is_whole = len(text) == 8 and text.isdecimal()
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if is_whole else text


def _time(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}" if len(text) >= 4 and text[:4].isdecimal() else text


def _name(text: str) -> str:
    """Write `Doe^Jane^^Dr` as `Doe, Jane, Dr`, and other scripts behind it."""
    groups = [
        ", ".join(part for part in group.strip("^").split("^") if part)
        for group in PersonName.of(text).groups
    ]
    return " = ".join(group for group in groups[:2] if group)


_CLASSES: Final = frozenset((tags.SOP_CLASS_UID, 0x00080062))


def _columns(text: str) -> tuple[Column, ...]:
    """Read `Keyword=title`; `#` before it is a number, `?` behind it spare, `_` in it a space."""
    columns = []
    for word in text.split():
        keyword, _, title = word.partition("=")
        tag = dictionary.tag_of(keyword)
        if tag is not None:
            column = Column(
                title.strip("#?").replace("_", " "),
                (tag,),
                is_number=title.startswith("#"),
                is_spare=title.endswith("?"),
            )
            columns.append(column)
    return tuple(columns)


# The UID of the level comes last: it may stand on a line of its own.
_SHOWN: Final = {
    Level.PATIENT: (
        "PatientName=patient PatientBirthDate=born? PatientSex=sex? "
        "NumberOfPatientRelatedStudies=#studies PatientID=ID"
    ),
    Level.STUDY: (
        "StudyDate=date StudyTime=time? PatientName=patient PatientID=ID PatientBirthDate=born? "
        "PatientSex=sex? AccessionNumber=accession ModalitiesInStudy=modalities "
        "StudyDescription=description NumberOfStudyRelatedSeries=#series? "
        "NumberOfStudyRelatedInstances=#instances StudyInstanceUID=study"
    ),
    Level.SERIES: (
        "SeriesNumber=#no Modality=modality SeriesDescription=description "
        "BodyPartExamined=body_part? SeriesDate=date? NumberOfSeriesRelatedInstances=#instances "
        "SeriesInstanceUID=series"
    ),
    Level.IMAGE: (
        "InstanceNumber=#no SOPClassUID=kind Rows=#rows? Columns=#columns? NumberOfFrames=#frames "
        "SOPInstanceUID=instance"
    ),
}


def default_columns(level: Level) -> tuple[Column, ...]:
    """Give the columns of a level; the last one names the match."""
    return _columns(_SHOWN[level])


def columns_for(level: Level, keys: Iterable[Key]) -> tuple[Column, ...]:
    """Give the columns of a level, with one for each further key somebody asked for."""
    shown = default_columns(level)
    known = {column.path for column in shown}
    more = [
        Column(_title(key.path), key.path)
        for key in keys
        if key.path not in known and not (key.value and _is_above(key.path, level))
    ]
    return (*shown[:-1], *dict.fromkeys(more), shown[-1])


def _is_above(path: Path, level: Level) -> bool:
    """Tell whether a key names something above the level: it is the same in every line."""
    return any(path == (one.unique_tag,) for one in Level if one < level)


def _title(path: Path) -> str:
    entry = dictionary.entry(path[-1])
    return entry.keyword if entry else f"{path[-1]:08X}"


def is_text(column: Column) -> bool:
    """Tell whether a column may be cut: names and descriptions, never what somebody copies."""
    return vr_of(column.path[-1]) in {"PN", "LO", "ST", "LT", "UT", "UC"} and column.path != (
        tags.PATIENT_ID,
    )
