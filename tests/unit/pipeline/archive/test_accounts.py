"""Accesses are accounted for before anything is given, together where they wait together."""

import asyncio
import threading

import pytest
from ledger_entries import ORIGIN

from hilum.ledger.entry import AuditRecord, Origin
from hilum.ledger.errors import LedgerUnavailable
from hilum.pipeline.archive.accounts import STANDS_SECONDS, Accounts, settled
from hilum.pipeline.crew import Crew


class HandClock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return self.at


class Book:
    """Writes as the ledger does, when it is let."""

    def __init__(self):
        self.transactions = []
        self.open = threading.Event()
        self.open.set()
        self.error = None

    def write(self, *records):
        assert self.open.wait(5)
        if self.error is not None:
            raise self.error
        self.transactions.append(records)


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def accounts(book, clock):
    crew = Crew("accounts", 1)
    yield Accounts(book.write, crew=crew, clock=clock)
    crew.close()


def record(study="1.2", *, event="retrieve", origin=ORIGIN):
    return AuditRecord(event, "success", origin, study_instance_uid=study)


def test_what_waits_together_is_written_together(accounts, book):
    async def ask():
        book.open.clear()
        writes = [accounts.begin([record(f"1.{number}")]) for number in range(50)]
        assert not any(one.done() for one in writes)
        book.open.set()
        for one in writes:
            await settled(one)

    asyncio.run(ask())

    assert [len(one) for one in book.transactions] == [1, 49]


def test_who_cannot_be_accounted_for_gets_nothing_and_the_next_one_may(accounts, book):
    async def ask():
        book.error = LedgerUnavailable("the ledger is away")
        with pytest.raises(LedgerUnavailable):
            await accounts.keep_once([record()])
        book.error = None
        await accounts.keep_once([record()])

    asyncio.run(ask())

    assert len(book.transactions) == 1


def test_being_cancelled_does_not_cancel_what_others_wait_for(accounts, book):
    async def ask():
        book.open.clear()
        one = asyncio.create_task(settled(accounts.begin([record("1.1")])))
        other = asyncio.create_task(settled(accounts.begin([record("1.2")])))
        third = asyncio.create_task(settled(accounts.begin([record("1.3")])))
        await asyncio.sleep(0)
        one.cancel()
        other.cancel()
        book.open.set()
        await third
        await asyncio.gather(one, other, return_exceptions=True)

    asyncio.run(ask())

    assert sum(map(len, book.transactions)) == 3


def test_a_record_stands_for_the_next_minute_of_the_same_asker_study_and_purpose(
    accounts, book, clock
):
    def other(**changes):
        values = {name: getattr(ORIGIN, name) for name in Origin.__slots__}
        return Origin(**values | changes)

    async def ask():
        await accounts.keep_once([record()])
        await accounts.keep_once([record(origin=other(association_id="http-2"))])
        assert len(book.transactions) == 1
        await accounts.keep_once([record("1.3")])
        await accounts.keep_once([record(event="render")])
        await accounts.keep_once([record(origin=other(host="10.0.0.9"))])
        assert len(book.transactions) == 4
        clock.at += STANDS_SECONDS + 1
        await accounts.keep_once([record()])
        assert len(book.transactions) == 5

    asyncio.run(ask())


def test_who_comes_while_it_is_written_waits_for_it(accounts, book):
    async def ask():
        book.open.clear()
        first = asyncio.create_task(accounts.keep_once([record()]))
        second = asyncio.create_task(accounts.keep_once([record()]))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not first.done()
        assert not second.done()
        book.open.set()
        await first
        await second

    asyncio.run(ask())

    assert len(book.transactions) == 1
