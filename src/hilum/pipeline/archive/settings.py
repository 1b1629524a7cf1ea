"""What can be set about the archive: `[archive]`. Values only.

The descriptions and examples here are what `hilum init`, the JSON Schema and the reference show.
"""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from hilum.dicom.attribute_path import AttributePath, NoSuchAttribute
from hilum.dicom.vrs import BYTES_VRS, STRUCT_LETTERS, vr_of
from hilum.ledger.extras import ExtraAttribute
from hilum.ledger.search_columns import COMPUTED, STORED
from hilum.ledger.search_extras import beside, extra_attribute
from hilum.query.level import Level

# Each costs a row for each of its values.
EXTRA_MAX: Final = 32
_BINARY: Final = (BYTES_VRS | STRUCT_LETTERS.keys() | {"AT", "SQ"}) - {"US"}


def tag_of_extra(text: str) -> int:
    """Give the tag of a setting that was checked."""
    return AttributePath.parse(text).tag or 0


def _check(text: str) -> str:
    try:
        path = AttributePath.parse(text)
    except NoSuchAttribute as error:
        raise ValueError(str(error)) from error
    if len(path.steps) > 1 or path.tag is None or path.tag & 0x10000:
        raise ValueError(f"{text}: expected a standard attribute that is not within a sequence")
    vr = vr_of(path.tag).split(" ", maxsplit=1)[0]
    if vr in _BINARY:
        raise ValueError(f"{text}: its VR is {vr}; only texts, dates, numbers as text and US are")
    if path.tag in STORED or path.tag in COMPUTED or path.tag in beside(()):
        raise ValueError(f"{text}: it is searched by in any case; leave it out")
    return text


AttributeName = Annotated[str, AfterValidator(_check)]


def _extra(whose: str, example: str) -> tuple[str, ...]:
    field: tuple[str, ...] = Field(
        default=(),
        description=f"Attributes of {whose} that are searched by and answered, by keyword or tag.",
        examples=[[example]],
    )
    return field


class ExtraAttributeSettings(BaseModel, frozen=True, extra="forbid"):
    """Attributes that C-FIND and QIDO-RS answer besides those they know anyway.

    They are kept from what comes from now on; `hilum rebuild` finds them in what is held already.
    """

    patient: tuple[AttributeName, ...] = _extra("patients", "PatientSpeciesDescription")
    study: tuple[AttributeName, ...] = _extra("studies", "RequestingService")
    series: tuple[AttributeName, ...] = _extra("series", "ProtocolName")
    instance: tuple[AttributeName, ...] = _extra("instances", "AcquisitionDate")

    @model_validator(mode="after")
    def _check_number(self) -> Self:
        tags = [one.tag for one in self.attributes()]
        if len(tags) > EXTRA_MAX:
            raise ValueError(f"there are {len(tags)} attributes; {EXTRA_MAX} is the most")
        if len(set(tags)) < len(tags):
            raise ValueError("an attribute is named twice; it belongs to one level")
        return self

    def attributes(self) -> tuple[ExtraAttribute, ...]:
        """Give all of them."""
        levels = zip(Level, (self.patient, self.study, self.series, self.instance), strict=True)
        return tuple(
            extra_attribute(tag, level)
            for level, names in levels
            for tag in map(tag_of_extra, names)
        )


class ArchiveSettings(BaseModel, frozen=True, extra="forbid"):
    """How what is held is found and described."""

    metadata_ahead: bool = Field(
        default=True,
        description="Make the metadata of instances while nothing comes in, before a viewer asks "
        "for it; some 300 bytes of the ledger for each. false: when it is first asked for.",
    )
    extra_attributes: ExtraAttributeSettings = ExtraAttributeSettings()
