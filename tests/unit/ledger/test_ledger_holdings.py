"""The instances behind a retrieval: all, each once, the version that is served, in order."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from ledger_entries import entry

from hilum.ledger.entry import Verdict
from hilum.ledger.readers import Readers
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval


@pytest.fixture
def filled(ledger):
    """Two patients with two studies of two series of three instances; numbers run backwards."""
    entries, number = [], itertools.count(1)
    for patient, study, series, which in itertools.product("12", "12", "12", range(3)):
        uid = f"1.{patient}.{study}.{series}.{which}"
        entries.append(
            entry(
                next(number),
                patient_id=f"P{patient}",
                study_instance_uid=f"1.{patient}.{study}",
                series_instance_uid=f"1.{patient}.{study}.{series}",
                sop_instance_uid=uid,
                series_number=9 - int(series),
                instance_number=9 - which if which else None,
            )
        )
    ledger.record(entries)
    return ledger


def uids(ledger, level, **keys):
    retrieval = Retrieval(level, {Level[name.upper()]: values for name, values in keys.items()})
    return [one.sop_instance_uid for one in ledger.holdings.of(retrieval).holdings]


def test_a_study_comes_by_series_number_and_instance_number_and_what_has_none_comes_last(filled):
    found = uids(filled, Level.STUDY, patient=("P1",), study=("1.1.2",))

    expected = ["2.2", "2.1", "2.0", "1.2", "1.1", "1.0"]
    assert found == [f"1.1.2.{end}" for end in expected]


@pytest.mark.parametrize(
    ("level", "keys", "count"),
    [
        (Level.PATIENT, {"patient": ("P1",)}, 12),
        (Level.STUDY, {"study": ("1.1.1", "1.2.2", "1.2.2", "9.9")}, 12),
        (Level.SERIES, {"series": ("1.1.1.1", "1.2.2.2")}, 6),
        (Level.SERIES, {"study": ("1.1.1",), "series": ("1.1.1.1", "1.2.2.2")}, 3),
        (Level.IMAGE, {"image": ("1.1.1.1.0", "1.2.2.2.1")}, 2),
        (Level.IMAGE, {"patient": ("P2",), "image": ("1.1.1.1.0", "1.2.2.2.1")}, 1),
        (Level.STUDY, {"patient": ("P2",), "study": ("1.1.1",)}, 0),
        (Level.IMAGE, {"image": tuple(f"9.{n}" for n in range(10_000))}, 0),
    ],
)
def test_every_key_narrows_and_levels_above_may_be_missing(filled, level, keys, count):
    found = uids(filled, level, **keys)

    assert len(found) == len(set(found)) == count


def test_only_the_version_that_is_served_is_given_with_all_that_doors_need(ledger):
    ledger.record([entry(1), entry(1, content=b"new", verdict=Verdict.KEPT_BESIDE)])

    held = ledger.holdings.of(Retrieval(Level.STUDY, {Level.STUDY: ("1.2.3",)}))

    [holding] = held.holdings
    newest = entry(1, content=b"new")
    assert holding.version == 2
    assert (holding.path, holding.size, holding.digest) == (
        newest.path,
        newest.size,
        newest.digest,
    )
    assert holding.received_at == newest.received_at
    assert holding.sop_class_uid == newest.facts.sop_class_uid
    assert held.patient_ids == {"1.2.3": "P1"}


def test_questions_do_not_wait_for_each_other(filled):
    readers = Readers(filled.path, durability="process", count=3)
    together = Barrier(3, timeout=5)

    def ask(_):
        return readers.ask(lambda cursor: (together.wait(), cursor.execute("SELECT 1").fetchall()))

    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(ask, range(3)))
    readers.close()

    assert [rows for _, rows in answers] == [[(1,)]] * 3
