"""What can be set about prefetching: `[[prefetch]]`. Values only."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from hilum.kernel.setting_types import Duration, OneOrMore

# An order (HL7) will be one more, when there are orders.
Trigger = Literal["find", "api"]

RuleName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", json_schema_extra={"format": "name"})
]
Code = Annotated[str, Field(min_length=1, max_length=16)]
Caller = Annotated[str, Field(min_length=1, max_length=64)]


class PrefetchWhen(BaseModel, frozen=True, extra="forbid"):
    """What must be so of the search that sets a rule off; nothing: any search for one patient."""

    modalities: Annotated[tuple[Code, ...], OneOrMore()] = Field(
        default=(),
        description="One of these is among what was found. A search that does not ask for "
        "modalities finds none.",
        examples=[["CT", "MR"]],
    )
    body_parts: Annotated[tuple[Code, ...], OneOrMore()] = Field(
        default=(),
        description="One of these is among the body parts of what was found.",
        examples=[["CHEST"]],
    )
    callers: Annotated[tuple[Caller, ...], OneOrMore()] = Field(
        default=(),
        description="Calling AE titles, or names of keys, of who has searched; * and ? as usual.",
        examples=[["WS*"]],
    )


class PrefetchRule(BaseModel, frozen=True, extra="forbid"):
    """A rule that fetches earlier studies of a patient who is asked about, in the background.

    They are kept here and routed, as what is stored is. What is held already is not fetched.
    """

    name: RuleName = Field(
        description="What the rule is called in logs and answers.", examples=["ct-priors"]
    )
    on: Annotated[tuple[Trigger, ...], OneOrMore()] = Field(
        default=("find", "api"),
        description="What sets it off: a search for studies, series or instances of one patient, "
        "at any entity; POST /api/v1/prefetch.",
    )
    when: PrefetchWhen = PrefetchWhen()
    source: str = Field(
        alias="from",
        description="Where earlier studies are: a destination that can be asked, or an entity.",
        examples=["pacs"],
    )
    modalities: Annotated[tuple[Code, ...], OneOrMore()] = Field(
        default=(),
        description="Only studies with one of these modalities. Empty: all.",
        examples=[["CT", "MR"]],
    )
    body_parts: Annotated[tuple[Code, ...], OneOrMore()] = Field(
        default=(),
        description="Only studies with a series of one of these body parts. Empty: all. Each "
        "study costs a question more.",
        examples=[["CHEST", "THORAX"]],
    )
    age_max: Duration | None = Field(
        default=None,
        description="Only studies that are not older. Absent: all.",
        examples=["1095 d"],
    )
    count_max: int = Field(
        default=3, ge=1, le=100, description="The latest of them, so many at most."
    )
