"""What can be set about retention: `[retention]`. Values only.

The descriptions and examples here are what `hilum init`, the JSON Schema and the reference show.
"""

from typing import Annotated

from pydantic import BaseModel, Field

from hilum.kernel.setting_types import ByteCount, Duration, OneOrMore

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
WholePercent = Annotated[int, Field(ge=1, le=100)]


class RetentionRuleSettings(BaseModel, frozen=True, extra="forbid"):
    """Other terms for what some routes planned or some peers brought. All that is said must hold.

    Where several rules apply, the longest terms of them do. What a rule does not say is as above.
    """

    route: Annotated[tuple[Name, ...], OneOrMore()] = Field(
        default=(),
        description="Applies to what one of these routes sent somewhere. Empty: whichever.",
        examples=["research"],
    )
    peer: Annotated[tuple[Name, ...], OneOrMore()] = Field(
        default=(),
        description="Applies to what one of these peers brought. Empty: whoever.",
        examples=["ct1"],
    )
    nowhere: bool = Field(
        default=False,
        description="Applies to what no route sent anywhere, which is kept for ever otherwise. "
        "keep then counts from its receipt.",
    )
    keep: Duration | None = Field(
        default=None,
        description="How long it is kept after it was delivered everywhere.",
        examples=["7 d"],
    )
    keep_at_least: Duration | None = Field(
        default=None,
        description="How long it is kept even when room is needed.",
        examples=["1 d"],
    )
    for_ever: bool = Field(
        default=False, description="It is never removed, not even when room is needed."
    )
    copies_min: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="To how many destinations it must have been delivered.",
        examples=[2],
    )


class RetentionSettings(BaseModel, frozen=True, extra="forbid"):
    """When payloads are removed. Without this section nothing ever is.

    Nothing goes that is still owed to a destination, or that was sent nowhere and has no rule.
    """

    keep: Duration | None = Field(
        default=None,
        description="How long a payload is kept after it was delivered everywhere. Absent: until "
        "its room is needed.",
        examples=["30 d"],
    )
    keep_at_least: Duration = Field(
        default=0.0,
        description="How long it is kept after that even when room is needed.",
        examples=["1 d"],
    )
    copies_min: int = Field(
        default=1,
        ge=1,
        le=100,
        description="To how many destinations a payload must have been delivered before it may "
        "go; with fewer it stays.",
    )
    quota_bytes: ByteCount | None = Field(
        default=None,
        ge=1,
        description="How much may be held. When it is reached and nothing may go, stores are "
        "refused.",
        examples=["2 TB"],
    )
    quota_instances: int | None = Field(
        default=None,
        ge=1,
        description="How many payloads may be held, versions counted one by one.",
        examples=[5_000_000],
    )
    free_bytes: ByteCount | None = Field(
        default=None,
        ge=1,
        description="How much of the disk shall stay free: what may go does when it is less. "
        "Stores are refused only at gateway.reserve_bytes.",
        examples=["200 GB"],
    )
    clean_percent: WholePercent = Field(
        default=85, description="From this share of a quota on, the oldest of what may go does."
    )
    clean_to_percent: WholePercent = Field(
        default=80, description="Down to this share of the quota."
    )
    warn_percent: WholePercent = Field(
        default=90, description="From this share of a quota on, the log warns."
    )
    rules: Annotated[tuple[RetentionRuleSettings, ...], OneOrMore()] = Field(
        default=(),
        description="Other terms for some routes, some peers, or what was sent nowhere.",
        examples=[[{"peer": "ct1", "keep": "7 d"}]],
    )
