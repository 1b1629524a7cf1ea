"""Metadata is made once, kept with its payload, and gone with it."""

import asyncio
import itertools
import json

import pytest
from archive_rig import ASKER, SENDER, ArchiveRig, gathered
from ledger_entries import change, rows
from test_local_archive import stored, study

from hilum.ledger import metadata as keeping
from hilum.ledger.entry import Verdict
from hilum.pipeline.archive.ahead import Ahead
from hilum.pipeline.archive.ports import Purpose
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval


@pytest.fixture
def rig(tmp_path):
    made = ArchiveRig(tmp_path)
    yield made
    made.close()


def described(rig, retrieval=None):
    asked = rig.archive.holdings(retrieval or study(), ASKER, Purpose.METADATA)
    holdings = asyncio.run(asked)
    return [json.loads(one) for one in gathered(rig.archive.metadata(holdings, "http://x"))]


def kept(rig):
    return rows(rig.ledger.path, "SELECT instance_row, version, base_row FROM instance_metadata")


def test_payloads_are_opened_once_and_the_answer_stays_the_same(rig):
    for number in range(1, 8):
        stored(rig, number, pixels=bytes(4000))

    first = described(rig)
    opened = len(rig.opened)
    second = described(rig)

    assert first == second
    assert len(first) == opened == len(rig.opened) == 7
    assert [base is None for *_, base in kept(rig)] == [True] + [False] * 6


def test_a_part_of_a_series_can_be_read_without_the_instance_it_differs_from(rig):
    for number in (1, 2):
        stored(rig, number)
    described(rig)
    rig.opened.clear()

    [one] = described(rig, Retrieval(Level.IMAGE, {Level.IMAGE: ("1.2.1.1.2",)}))

    assert one["00200013"]["Value"] == [2]
    assert rig.opened == []


def test_what_differs_from_a_removed_instance_is_made_again(rig):
    entries = [stored(rig, number) for number in (1, 2, 3)]
    described(rig)
    rig.ledger.removals.remove(
        [entries[0].path], reason="old", by=SENDER, now=entries[0].received_at
    )
    rig.opened.clear()

    numbers = [one["00200013"]["Value"] for one in described(rig)]

    assert numbers == [[2], [3]]
    assert rig.opened == [entries[1].path, entries[2].path]
    described(rig)
    assert len(rig.opened) == 2


def test_another_dictionary_in_its_place_is_found_out(rig):
    for number in (1, 2):
        stored(rig, number)
    described(rig)
    base = keeping.zlib.compress(b"something else")
    change(rig.ledger.path, "UPDATE instance_metadata SET content = ? WHERE base_row IS NULL", base)

    found = asyncio.run(rig.archive.holdings(study(), ASKER, Purpose.METADATA))

    assert rig.ledger.metadata.read(found)[1] is None


@pytest.mark.parametrize("verdict", [Verdict.REPLACED, Verdict.KEPT_BESIDE])
def test_a_newer_version_is_described_by_itself(rig, verdict):
    stored(rig, 1, ImageComments="old")
    described(rig)
    stored(rig, 1, ImageComments="new", verdict=verdict)

    [one] = described(rig)

    assert one["00204000"]["Value"] == ["new"]
    versions = [version for _, version, _ in kept(rig)]
    assert versions == ([2] if verdict is Verdict.REPLACED else [1, 2])


def test_metadata_goes_with_its_payload_whatever_lets_it_go(rig):
    entries = [stored(rig, number) for number in (1, 2)]
    described(rig)

    rig.ledger.forget([entries[0].path])
    rig.ledger.removals.remove(
        [entries[1].path], reason="old", by=SENDER, now=entries[0].received_at
    )

    assert kept(rig) == []


def test_metadata_of_bytes_that_were_replaced_meanwhile_is_not_kept(rig):
    stored(rig, 1, ImageComments="old")
    holdings = asyncio.run(rig.archive.holdings(study(), ASKER, Purpose.METADATA))
    entry = stored(rig, 2)
    rig.ledger.forget([holdings[0].path])
    change(rig.ledger.path, "UPDATE instance SET sop_instance_uid = ?", "1.2.1.1.1")
    assert entry.path

    rig.ledger.metadata.keep([(holdings[0], b"{}")])

    assert kept(rig) == []


def test_what_cannot_be_read_is_not_tried_again(rig):
    entry = stored(rig, 1)
    (rig.vault.root / entry.path).write_bytes(b"damaged")

    assert described(rig) == described(rig) == []
    assert rig.opened == [entry.path]


def test_without_room_nothing_is_kept_and_all_is_answered(rig):
    stored(rig, 1)
    rig.has_room = False

    assert len(described(rig)) == 1
    assert kept(rig) == []


def test_what_an_older_edition_made_is_made_again(rig, monkeypatch):
    stored(rig, 1)
    described(rig)
    monkeypatch.setattr(keeping, "EDITION", 2)

    described(rig)

    assert len(rig.opened) == 2
    assert len(kept(rig)) == 1


class Clock:
    """Time that passes a little with each look at it."""

    def __init__(self, entry):
        self._steps = itertools.count()
        self._now = entry.received_at

    def monotonic(self):
        return next(self._steps) * 0.001

    def now(self):
        return self._now


def ahead(rig, entry, *, is_busy=lambda: False, owner="a"):
    return Ahead(
        rig.ledger.metadata,
        rig.describer,
        leases=rig.ledger.slots,
        owner=owner,
        clock=Clock(entry),
        steady=Clock(entry),
        is_busy=is_busy,
    )


def look(duty):
    asyncio.run(duty.look())


def test_when_nothing_comes_metadata_is_made_before_it_is_asked_for(rig):
    entries = [stored(rig, number) for number in range(1, 41)]
    duty = ahead(rig, entries[0])

    look(duty)
    assert kept(rig) == []  # they may be still coming
    look(duty)

    assert len(kept(rig)) == len(described(rig)) == 40
    assert len(rig.opened) == 40


def test_while_instances_come_nothing_is_made_ahead(rig):
    entry = stored(rig, 1)
    duty = ahead(rig, entry)
    busy = ahead(rig, entry, is_busy=lambda: True)

    for number in range(2, 6):
        look(duty)
        look(busy)
        stored(rig, number)

    assert kept(rig) == []


def test_an_arrival_stops_what_is_made_ahead_at_once(rig):
    entries = [stored(rig, number) for number in range(1, 41)]
    asked = iter([False, False, False, True])
    duty = ahead(rig, entries[0], is_busy=lambda: next(asked))

    look(duty)
    look(duty)

    assert len(kept(rig)) == 16


def test_what_came_later_is_made_later_and_only_one_process_makes_it(rig):
    entry = stored(rig, 1)
    first, other = ahead(rig, entry), ahead(rig, entry, owner="b")
    for duty in (first, first, other, other):
        look(duty)
    assert len(rig.opened) == 1
    stored(rig, 2)

    look(first)
    look(first)

    assert len(rig.opened) == len(kept(rig)) == 2
