"""What can be set about a DIMSE peer as an archive, `[destinations.<name>] archive = {…}`."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from hilum.destinations.settings import AskedSettings
from hilum.dicom.charsets import charset_of
from hilum.kernel.setting_types import Seconds, Title

# How the terms of PS3.3 §C.12.1.1.2 are written; which of them there are, `charset_of` knows.
_DEFINED: Final = re.compile(r"ISO_IR [0-9]+|ISO 2022 IR [0-9]+|GB18030|GBK")
Wish = Literal["auto", "always", "never"]
Way = Literal["auto", "get", "move"]


def _charset(term: str | None) -> str | None:
    """Check that it is what peers know a character set by: it is sent as it is written here."""
    if term and not all(map(_is_defined, term.split("\\"))):
        raise ValueError(
            f"{term!r} is no Specific Character Set (PS3.3 §C.12.1.1.2), like 'ISO_IR 192', which "
            "is UTF-8, or 'ISO_IR 100'"
        )
    return term


def _is_defined(term: str) -> bool:
    is_known = charset_of(term.encode("ascii", "replace")).known
    return not term or (is_known and _DEFINED.fullmatch(term) is not None)


class DimseArchiveSettings(AskedSettings, frozen=True, extra="forbid"):
    """How the peer is asked when an entity has it among its `answers`."""

    associations_max: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Associations for asking that may be open at one time, in each worker; "
        "`associations_max` of the destination holds for these and those for storing together.",
    )
    associations_per_retrieval: int = Field(
        default=2,
        ge=1,
        le=16,
        description="Associations that the series of one retrieval are spread over.",
    )
    keep_alive_seconds: Seconds = Field(
        default=30.0,
        description="An association with nothing to ask stays open so long for what comes next.",
    )
    wait_seconds: Seconds = Field(
        default=30.0,
        description="A question waits so long for one of `associations_max`; then the archive "
        "counts as busy.",
    )
    model: Literal["study", "patient"] = Field(
        default="study",
        description="The information model it is asked in. Questions for patients are always asked "
        "in that of the patient.",
    )
    relational: Wish = Field(
        default="auto",
        description="Ask below the level of studies without naming one: if it agrees to that, "
        "always, or never. Otherwise its levels are walked, one question for each study and "
        "series.",
    )
    uid_lists: Wish = Field(
        default="auto",
        description="Ask for several UIDs in one question: as long as it answers that, always, or "
        "never: a question for each.",
    )
    charset: Annotated[str | None, AfterValidator(_charset)] = Field(
        default=None,
        description="Character set of questions; UTF-8 for what it does not have. Empty: none is "
        "named while a question is ASCII. Absent: that of who asks us for what is not ASCII, then "
        "UTF-8. Answers are read in their own.",
        examples=["ISO_IR 100"],
    )
    retrieve: Way = Field(
        default="auto",
        description="How instances come: C-GET, or C-MOVE to our listener; auto: C-GET where the "
        "peer offers it.",
    )
    move_to: Title | None = Field(
        default=None,
        description="The AE title by which the peer knows our listener, for C-MOVE. Absent: the "
        "one we call ourselves.",
        examples=["HILUM"],
    )
