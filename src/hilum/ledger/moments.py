"""Moments as the ledger keeps them: whole microseconds since 1970 in UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds_of(moment: datetime) -> int:
    """Give an aware `moment` as the ledger keeps it."""
    return (moment - _EPOCH) // _MICROSECOND


def now_utc() -> datetime:
    """Give the wall time: for whoever is not given a clock."""
    return datetime.now(UTC)
