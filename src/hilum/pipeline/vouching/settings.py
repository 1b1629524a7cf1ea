"""`[sources.dimse.commitment]`: how we report on storage commitment that a peer asked us for."""

from pydantic import BaseModel, Field

from hilum.kernel.setting_types import Seconds


class VouchingSettings(BaseModel, frozen=True, extra="forbid"):
    """How reports on storage commitment reach the peer that asked (PS3.4 Annex J)."""

    same_association_seconds: Seconds = Field(
        default=0.2,
        description="A peer that leaves its association open for so long after our answer gets the "
        "report on it. Who releases it before, or takes no report there, is called at host and "
        "port of its `[peers]` section.",
    )
    response_seconds: Seconds = Field(
        default=30.0, description="The peer has so long to answer a report."
    )
    retry_seconds: Seconds = Field(
        default=10.0,
        description="First wait after a report that could not be brought; it doubles each time.",
    )
    retry_seconds_max: Seconds = Field(default=900.0, description="Longest wait between two tries.")
    give_up_hours: int = Field(
        default=72,
        ge=1,
        le=24 * 31,
        description="A report is tried for so long after it was asked for. Then it is given up; "
        "the peer must not delete anything without one, and asks again.",
    )
