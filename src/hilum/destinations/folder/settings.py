"""What can be set about a folder destination, `[destinations.<name>]`. Values only."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hilum.destinations.folder.template import read_template
from hilum.destinations.settings import DestinationSettings
from hilum.kernel.setting_types import LocalPath

DEFAULT_TEMPLATE = "{PatientID}/{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm"


def _pattern(text: str) -> str:
    read_template(text)
    return text


class FolderDestinationSettings(DestinationSettings, frozen=True, extra="forbid"):
    """A folder that instances are written to as DICOM files (Part 10)."""

    type: Literal["folder"] = Field(description="What it is.")
    path: LocalPath = Field(
        description="The folder. It must be there: a missing one may be a disk that is not "
        "mounted.",
        examples=["/srv/research"],
    )
    template: Annotated[str, AfterValidator(_pattern)] = Field(
        default=DEFAULT_TEMPLATE,
        description="The path of a file below the folder. In braces: any attribute by its keyword, "
        "dates with a format ({StudyDate:%Y/%m}), whole numbers with a width "
        "({InstanceNumber:05}), and {delivered:%Y-%m-%d}, the day it is written.",
        examples=["{StudyDate:%Y/%m}/{AccessionNumber}/{SOPInstanceUID}.dcm"],
    )
    other_bytes: Literal["keep_both", "overwrite", "refuse"] = Field(
        default="keep_both",
        description="The name is taken by a file with other bytes: write beside it with a number "
        "in the name, replace it, or refuse. The same bytes are never written twice.",
    )
    synced: bool = Field(
        default=True,
        description="A file survives a power cut before it counts as delivered; false is faster.",
    )
    writers_max: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Files that are written at one time, all workers together.",
    )

    @property
    def window_max(self) -> int:
        """How many files may be written at one time."""
        return self.writers_max
