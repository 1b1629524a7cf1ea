"""One thing that answers a question, with what is known of it."""

from dataclasses import dataclass

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.query.level import Level


@dataclass(slots=True)
class Match:
    """A patient, study, series or instance.

    `attributes`: of its own level and of those above it, computed ones among them; texts in its own
    character set. `answerer`: who knows it, "" for ourselves.
    """

    level: Level
    attributes: DataSet
    answerer: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """What it is, whoever answers: its UID, or who assigned the patient's number and which."""
        unique = self.attributes.text(self.level.unique_tag)
        if self.level == Level.PATIENT:
            return self.attributes.text(tags.ISSUER_OF_PATIENT_ID), unique
        return (unique,)
