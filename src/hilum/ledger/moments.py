"""Moments as the ledger keeps them: whole microseconds since 1970 in UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds_of(moment: datetime) -> int:
    """Give an aware `moment` as the ledger keeps it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> datetime:
    """Give the moment that the ledger keeps as `microseconds`."""
    return _EPOCH + timedelta(microseconds=microseconds)


def moment_or_none(microseconds: int | None) -> datetime | None:
    """Give the moment that the ledger keeps as `microseconds`, if there is one."""
    return None if microseconds is None else moment_of(microseconds)


def now_utc() -> datetime:
    """Give the wall time: for whoever is not given a clock."""
    return datetime.now(UTC)
