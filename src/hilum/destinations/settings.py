"""What every destination has, whatever it speaks: pace, hours, patience. Values only.

Each kind derives its own settings from these, in a folder of its own.
"""

from datetime import datetime, tzinfo
from typing import Annotated, Final

from pydantic import BaseModel, Field

from hilum.kernel.setting_types import ByteCount, Duration, OneOrMore, Seconds
from hilum.routing.setting_calendar import CalendarSetting

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB


class RateSettings(BaseModel, frozen=True, extra="forbid"):
    """How much may be sent in a second, all connections and workers together."""

    bytes_per_second: ByteCount | None = Field(
        default=None,
        ge=KIB,
        description="Bytes of instances in a second at most.",
        examples=["50 MB"],
    )
    instances_per_second: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="Instances in a second at most.",
        examples=[20],
    )
    between: CalendarSetting | None = Field(
        default=None,
        description="When this rate holds, by the gateway's clock; otherwise there is no limit. "
        "Absent: always.",
        examples=["mon-fri 07:00-19:00"],
    )


class RetrySettings(BaseModel, frozen=True, extra="forbid"):
    """How patient we are with a destination that cannot take something now."""

    first_seconds: Seconds = Field(
        default=5.0, description="The wait after a first failure; it doubles with each one after."
    )
    longest_seconds: Seconds = Field(
        default=600.0, description="The longest wait between two tries."
    )
    give_up_after: Duration | None = Field(
        default=None,
        description="A delivery that failed for so long is refused and waits for a person. "
        "Absent: it is tried for ever.",
        examples=["7 d"],
    )


class DestinationSettings(BaseModel, frozen=True, extra="forbid"):
    """A place instances are delivered to; what it speaks is its `type`."""

    between: CalendarSetting | None = Field(
        default=None,
        description="When it may be sent to, by the gateway's clock. Absent: always.",
        examples=["mon-fri 18:00-07:00"],
    )
    keep_alive_seconds: Seconds = Field(
        default=10.0,
        description="A connection with nothing to send stays open so long for what comes next.",
    )
    batch_instances_max: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Instances that are claimed for one connection at a time, at most.",
    )
    batch_bytes_max: ByteCount = Field(
        default=256 * MIB,
        ge=KIB,
        le=64 * GIB,
        description="Bytes that are claimed for one connection at a time, at most; a larger "
        "instance goes alone.",
    )
    rate: Annotated[tuple[RateSettings, ...], OneOrMore()] = Field(
        default=(),
        description="How fast it may be sent to: a table, or a list of tables of which all "
        "that are in force hold.",
        examples=[{"bytes_per_second": "50 MB", "between": "07:00-19:00"}],
    )
    retry: RetrySettings = RetrySettings()

    @property
    def window_max(self) -> int:
        """How many sessions may be open at one time, over all workers; each kind says its own."""
        return 1

    def rates_in_force(self, now: datetime, zone: tzinfo) -> tuple[RateSettings, ...]:
        """Give the rates that hold at `now`."""
        return tuple(
            one for one in self.rate if one.between is None or one.between.is_open(now, zone)
        )


class AskedSettings(BaseModel, frozen=True, extra="forbid"):
    """What every destination has that answers for us, whatever it speaks."""

    stall_seconds: Seconds = Field(
        default=30.0,
        description="A retrieval of which nothing comes for so long is given up; what is missing "
        "is fetched from whoever else has it.",
    )
    patience_seconds: Seconds = Field(
        default=3.0,
        description="A retrieval of which nothing comes for so long is begun at another archive "
        "that has the same, too, if there is one; who gives an instance first goes on, the other "
        "is left.",
    )
    list_fresh_seconds: Seconds = Field(
        default=30.0,
        description="What instances a study has is asked again after so long, for metadata, "
        "pictures and single instances. Whole studies are asked for each time.",
    )
