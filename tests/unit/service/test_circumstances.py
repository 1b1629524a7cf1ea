"""What advice knows of destinations comes from the configuration and from rows."""

from datetime import UTC, datetime, timedelta

import pytest
from ledger_entries import entry

from hilum.kernel.outcome import Deferred, Failing
from hilum.ledger.delivery import PlannedDelivery, Settlement
from hilum.ledger.ledger import Ledger
from hilum.service.circumstances import circumstances_of
from hilum.service.config_settings import Config

SUNDAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
PACS = {"type": "dimse", "host": "127.0.0.1", "ae_title": "PACS"}


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process", now=lambda: SUNDAY)
    yield ledger
    ledger.close()


def place(ledger, **settings):
    config = Config.model_validate(
        {"gateway": {"time_zone": "UTC"}, "destinations": {"pacs": PACS | settings}}
    )
    return circumstances_of(config, ledger, is_running=True, now=SUNDAY).places["pacs"]


def test_a_destination_that_is_closed_says_when_it_opens(ledger):
    assert place(ledger, between="mon 07:00-08:00").opens_at == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert place(ledger, between="sun").opens_at is None


def test_a_rate_that_holds_now_is_said_in_words(ledger):
    rate = [
        {"bytes_per_second": "1 MB"},
        {"instances_per_second": 2.5},
        {"bytes_per_second": "9 MB", "between": "mon"},
    ]

    assert place(ledger, rate=rate).rate == "1 MB a second, 2.5 instances a second"


@pytest.mark.parametrize(("settings", "title"), [({}, "HILUM"), ({"calling_ae_title": "GW"}, "GW")])
def test_the_title_we_call_with_is_known(ledger, settings, title):
    assert place(ledger, **settings).calling == title


def test_the_latest_failure_of_a_destination_is_known(ledger):
    for number, reason in ((1, "first"), (2, "second")):
        one = entry(number)
        one.received_at = SUNDAY
        one.deliveries = [PlannedDelivery("pacs", "all")]
        ledger.record([one])
        now = SUNDAY + timedelta(minutes=number)
        claimed = ledger.deliveries.claim(
            "pacs", owner="w", limit=1, bytes_max=10**9, now=now, leased_until=now
        )
        outcome = Deferred(reason, failing=Failing.UNREACHABLE)
        settled = [Settlement(claimed[0].delivery_id, "w", outcome, now + timedelta(hours=1))]
        ledger.deliveries.settle(settled, now=now)

    found = place(ledger)

    assert found.trouble.reason == "second"
    assert found.owed == 2
