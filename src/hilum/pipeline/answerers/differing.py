"""Notes when two answerers tell different things of one study: once, not for each match."""

from collections import OrderedDict
from typing import Final

from hilum.dicom import tags
from hilum.dicom.dictionary import entry
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.events import AnswersDiffered
from hilum.query.match import Match

# What a person would be told by; counts and availability may differ with good reason.
_COMPARED: Final = (
    tags.PATIENT_ID,
    tags.PATIENT_NAME,
    tags.PATIENT_BIRTH_DATE,
    tags.PATIENT_SEX,
    tags.ACCESSION_NUMBER,
    tags.STUDY_DATE,
)
# Forgetting what was told means telling it once more.
_TOLD_MAX: Final = 4096

Traits = tuple[str, ...]


def traits_of(match: Match) -> Traits:
    """Give what is compared of a match; "" is what is not known."""
    return tuple([match.attributes.text(tag) for tag in _COMPARED])


class Differences:
    """Remembers which study and which pair was told of. One object a process."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._told: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    def compare(self, first: str, traits: Traits, match: Match, other: str) -> None:
        """Compare what the answerer `first` said with a match of the answerer `other`."""
        differing = [
            tag
            for tag, mine, theirs in zip(_COMPARED, traits, traits_of(match), strict=True)
            if mine and theirs and mine != theirs
        ]
        if differing:
            self._tell(first, other, match.attributes.text(tags.STUDY_INSTANCE_UID), differing)

    def _tell(self, first: str, other: str, study: str, differing: list[int]) -> None:
        key = (first, other, study)
        if key in self._told:
            return
        self._told[key] = None
        if len(self._told) > _TOLD_MAX:
            self._told.popitem(last=False)
        names = ", ".join([_keyword(tag) for tag in differing])
        self._telemetry.emit(AnswersDiffered(first, other, study, names))


def _keyword(tag: int) -> str:
    found = entry(tag)
    return found.keyword if found is not None else f"{tag:08X}"
