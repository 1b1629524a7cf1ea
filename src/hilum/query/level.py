"""The levels of a query, and the information models that have them (PS3.4 §C.3, §C.6)."""

from enum import Enum, IntEnum
from typing import Final

from hilum.dicom import tags

PATIENT_ID: Final = tags.PATIENT_ID


class Level(IntEnum):
    """What one match stands for, from the widest to the narrowest."""

    PATIENT = 0
    STUDY = 1
    SERIES = 2
    IMAGE = 3

    @property
    def unique_tag(self) -> int:
        """The attribute that names one of its kind."""
        return _UNIQUE_TAGS[self]


_UNIQUE_TAGS: Final = (
    tags.PATIENT_ID,
    tags.STUDY_INSTANCE_UID,
    tags.SERIES_INSTANCE_UID,
    tags.SOP_INSTANCE_UID,
)
_UNDER_PATIENT: Final = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE)


class Model(Enum):
    """An information model, by what its SOP classes have in common."""

    PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1"
    STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2"
    PATIENT_STUDY_ONLY = "1.2.840.10008.5.1.4.1.2.3"  # retired, and still met

    @property
    def levels(self) -> tuple[Level, ...]:
        """Its levels; in the study root, attributes of patients are at the study level."""
        if self is Model.STUDY_ROOT:
            return _UNDER_PATIENT[1:]
        return _UNDER_PATIENT[:2] if self is Model.PATIENT_STUDY_ONLY else _UNDER_PATIENT

    @property
    def find_uid(self) -> str:
        """The SOP class of its C-FIND."""
        return f"{self.value}.1"

    @property
    def move_uid(self) -> str:
        """The SOP class of its C-MOVE."""
        return f"{self.value}.2"

    @property
    def get_uid(self) -> str:
        """The SOP class of its C-GET."""
        return f"{self.value}.3"


def model_of(sop_class_uid: str) -> Model | None:
    """Give the model of a FIND, MOVE or GET SOP class; None: it is of another service."""
    root, _, operation = sop_class_uid.rpartition(".")
    if operation not in {"1", "2", "3"}:
        return None
    return next((model for model in Model if model.value == root), None)
