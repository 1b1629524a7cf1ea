"""What every destination has: pace, hours, patience."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from hilum.destinations.settings import DestinationSettings

NOON, NIGHT = datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 1, 23, tzinfo=UTC)


def test_one_rate_may_be_written_without_a_list():
    settings = DestinationSettings.model_validate({"rate": {"bytes_per_second": "50 MB"}})

    assert [one.bytes_per_second for one in settings.rate] == [50_000_000]


def test_a_rate_holds_in_its_hours_only():
    settings = DestinationSettings.model_validate(
        {
            "rate": [
                {"bytes_per_second": "50 MB", "between": "07:00-19:00"},
                {"instances_per_second": 20},
            ]
        }
    )

    assert settings.rates_in_force(NOON, UTC) == settings.rate
    assert settings.rates_in_force(NIGHT, UTC) == settings.rate[1:]


def test_patience_is_written_as_people_say_it():
    settings = DestinationSettings.model_validate({"retry": {"give_up_after": "7 d"}})

    assert settings.retry.give_up_after == 604_800


def test_a_calendar_comes_back_as_it_was_written():
    settings = DestinationSettings.model_validate({"between": "mon-fri 18:00-07:00"})

    assert settings.model_dump(mode="json")["between"] == ["mon-fri 18:00-07:00"]


def test_a_calendar_that_is_none_is_an_error():
    with pytest.raises(ValidationError, match="'at' is not a day"):
        DestinationSettings.model_validate({"between": "at night"})
