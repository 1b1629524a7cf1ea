"""What lanes are told about their destinations, made of `[destinations.<name>]`."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from hilum.destinations.settings import DestinationSettings, RateSettings
from hilum.pipeline.lanes.policy import LanePolicy, Rate, Retry
from hilum.routing.calendar import Calendar


@dataclass(frozen=True, slots=True)
class LocalHours:
    """A calendar in the gateway's time zone (`pipeline.lanes.policy.Hours`)."""

    calendar: Calendar
    zone: tzinfo

    def is_open(self, now: datetime) -> bool:
        """Tell whether it holds at `now`."""
        return self.calendar.is_open(now, self.zone)


def policy_of(settings: DestinationSettings, zone: tzinfo) -> LanePolicy:
    """Give the policy of a lane."""
    retry = settings.retry
    return LanePolicy(
        window_max=settings.window_max,
        rates=tuple(_rate(one, zone) for one in settings.rate),
        schedule=_hours(settings.between, zone),
        retry=Retry(
            seconds_min=retry.first_seconds,
            seconds_max=retry.longest_seconds,
            give_up_seconds=retry.give_up_after,
        ),
        keep_alive_seconds=settings.keep_alive_seconds,
        batch_instances_max=settings.batch_instances_max,
        batch_bytes_max=settings.batch_bytes_max,
    )


def _rate(settings: RateSettings, zone: tzinfo) -> Rate:
    return Rate(
        settings.bytes_per_second, settings.instances_per_second, _hours(settings.between, zone)
    )


def _hours(calendar: Calendar | None, zone: tzinfo) -> LocalHours | None:
    return None if calendar is None else LocalHours(calendar, zone)
