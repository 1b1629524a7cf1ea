"""A promised report is tried until it is heard, by whichever process, and given up in words."""

import asyncio
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta

import pytest
from ledger_entries import rows

from hilum.dimse.service.commitment_answer import CommitmentRequest
from hilum.kernel.errors import Rejected, Unreachable
from hilum.kernel.names import UID
from hilum.ledger.entry import Origin
from hilum.ledger.errors import LedgerUnavailable
from hilum.ledger.ledger import Ledger
from hilum.pipeline.vouching.settings import VouchingSettings
from hilum.pipeline.vouching.voucher import REPORTS_MAX, Voucher

CT1 = Origin("CT1", "HILUM", "ct1", "10.0.0.1", "HILUM", "a-1")
REQUEST = CommitmentRequest(UID("2.25.1"), [(UID("1.2"), UID("1.2.3"))])
SETTINGS = VouchingSettings(retry_seconds=10, retry_seconds_max=40, give_up_hours=1)


class Clock:
    def __init__(self):
        self.at = datetime(2030, 1, 7, tzinfo=UTC)

    def now(self):
        return self.at

    def monotonic(self):
        return (self.at - datetime(2030, 1, 1, tzinfo=UTC)).total_seconds()

    def pass_by(self, seconds):
        self.at += timedelta(seconds=seconds)


class Told:
    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)

    def waits(self):
        return [one.seconds for one in self.events if hasattr(one, "seconds")]

    def names(self):
        return [type(one).__name__ for one in self.events]


class Peer:
    """Where the peer listens."""

    def __init__(self):
        self.calls = 0
        self.failure = None
        self.is_known = True
        self.gate = None

    def find(self, _peer, *, calling):
        assert calling == "HILUM"
        return self if self.is_known else None

    async def report(self, _vouched, *, seconds):
        assert seconds == SETTINGS.response_seconds
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure


class Site:
    def __init__(self, ledger):
        self.ledger, self.clock, self.told, self.peer = ledger, Clock(), Told(), Peer()
        self.vouchers = []

    def voucher(self):
        self.vouchers.append(
            Voucher(
                SETTINGS,
                commitments=self.ledger.commitments,
                payloads=None,
                listeners=self.peer,
                clock=self.clock,
                vouched=self.clock,
                steady=self.clock,
                telemetry=self.told,
            )
        )
        return self.vouchers[-1]

    async def look(self, voucher, seconds=0.0):
        self.clock.pass_by(seconds)
        await voucher.look()
        while voucher._calls and self.peer.gate is None:
            await asyncio.wait(voucher._calls)


@pytest.fixture
def run(tmp_path):
    def runner(scenario):
        @asynccontextmanager
        async def opened():
            with closing(Ledger.open(tmp_path / "ledger.sqlite", durability="process")) as ledger:
                site = Site(ledger)
                yield site
                for voucher in site.vouchers:
                    await voucher.close()

        async def main():
            async with opened() as site:
                await scenario(site)

        asyncio.run(main())

    return runner


def test_a_report_that_is_given_back_is_brought_at_the_next_look(run):
    async def scenario(site):
        voucher = site.voucher()
        voucher.give_back(await voucher.promise(REQUEST, CT1))
        await site.look(voucher)
        await site.look(voucher, 10_000)

        assert site.peer.calls == 1
        assert site.told.names() == ["CommitmentAsked", "CommitmentReported", "CommitmentDenied"]

    run(scenario)


def test_nobody_reports_while_somebody_else_does_and_anybody_when_that_one_died(run):
    async def scenario(site):
        first, second = site.voucher(), site.voucher()
        await first.promise(REQUEST, CT1)
        await site.look(second, 60)
        assert site.peer.calls == 0

        await site.look(second, 200)
        assert site.peer.calls == 1

    run(scenario)


def test_waits_double_to_their_limit_and_end(run, tmp_path):
    async def scenario(site):
        site.peer.failure = Unreachable("nobody there")
        voucher = site.voucher()
        voucher.give_back(await voucher.promise(REQUEST, CT1))
        for seconds in (0, 10, 20, 40, 40):
            await site.look(voucher, seconds)
        assert site.told.waits() == [10, 20, 40, 40, 40]

        await site.look(voucher, 3600)
        site.peer.failure = None
        await site.look(voucher, 10_000)

        assert site.peer.calls == 6
        assert site.told.names()[-1] == "CommitmentAbandoned"
        [(state, reason)] = rows(tmp_path / "ledger.sqlite", "SELECT state, reason FROM commitment")
        assert (state, reason) == ("given up", "nobody there.")

    run(scenario)


@pytest.mark.parametrize("failure", [Rejected("not me."), RuntimeError("a bug")])
def test_whatever_fails_is_tried_again(run, failure):
    async def scenario(site):
        site.peer.failure = failure
        voucher = site.voucher()
        voucher.give_back(await voucher.promise(REQUEST, CT1))
        await site.look(voucher)
        site.peer.failure = None
        await site.look(voucher, 10)

        assert site.told.names()[-2:] == ["CommitmentReported", "CommitmentDenied"]

    run(scenario)


def test_a_peer_without_an_address_gets_its_report_when_it_has_one(run):
    async def scenario(site):
        site.peer.is_known = False
        voucher = site.voucher()
        voucher.give_back(await voucher.promise(REQUEST, CT1))
        await site.look(voucher)
        [event] = [one for one in site.told.events if hasattr(one, "seconds")]
        assert "no host and port" in event.reason

        site.peer.is_known = True
        await site.look(voucher, 10)
        assert site.peer.calls == 1

    run(scenario)


def test_so_many_calls_go_on_and_no_more(run):
    async def scenario(site):
        site.peer.gate = asyncio.Event()
        voucher = site.voucher()
        for number in range(REPORTS_MAX + 2):
            request = CommitmentRequest(UID(f"2.25.{number + 1}"), REQUEST.references)
            voucher.give_back(await voucher.promise(request, CT1))
        await voucher.look()
        async with asyncio.timeout(5):
            while site.peer.calls < REPORTS_MAX:  # noqa: ASYNC110 - turns of the loop are what it needs
                await asyncio.sleep(0)
        await voucher.look()
        assert site.peer.calls == REPORTS_MAX

    run(scenario)


def test_a_ledger_that_fails_loses_no_report(run, monkeypatch):
    async def scenario(site):
        voucher = site.voucher()
        voucher.give_back(await voucher.promise(REQUEST, CT1))

        def fail(*_, **__):
            raise LedgerUnavailable("the ledger cannot be written")

        with monkeypatch.context() as patch:
            patch.setattr(site.ledger.commitments, "put_off", fail)
            with pytest.raises(LedgerUnavailable):
                await voucher.look()
        with monkeypatch.context() as patch:
            patch.setattr(site.ledger.commitments, "reported", fail)
            await site.look(voucher, 400)
        assert site.told.names()[-1] == "CommitmentReportDeferred"

        await site.look(voucher, 400)
        assert site.told.names()[-2] == "CommitmentReported"

    run(scenario)


def test_what_was_not_reported_when_a_process_ends_is_due_for_the_others(run):
    async def scenario(site):
        first, second = site.voucher(), site.voucher()
        first.give_back(await first.promise(REQUEST, CT1))
        await first.close()
        await site.look(second)

        assert site.peer.calls == 1

    run(scenario)
