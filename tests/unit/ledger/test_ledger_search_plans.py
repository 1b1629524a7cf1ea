"""Usual questions begin at an index and end when a page is full: SQLite itself says so."""

import sqlite3
from contextlib import closing

import pytest
from ledger_entries import entry

from hilum.dicom.dictionary import tag_of
from hilum.dicom.match_keys import KeyRules, matching_of
from hilum.dicom.matching import ItemWith, Key
from hilum.dicom.vrs import vr_of
from hilum.ledger.extras import ExtraAttribute
from hilum.ledger.search import _work_of, statement_of
from hilum.ledger.search_extras import beside
from hilum.query.level import Level
from hilum.query.query import Query

EXTRA = (ExtraAttribute(tag_of("ProtocolName"), "LO", Level.SERIES),)
FUZZY = {"PatientName": "muller"}
USUAL = [
    {"PatientID": "P1"},
    {"PatientID": "P*"},
    {"AccessionNumber": "A1"},
    {"AccessionNumber": "A*"},
    {"PatientName": "mull*"},
    {"PatientName": "mull*", "StudyDate": "20240101-"},
    {"PatientBirthDate": "19700101"},
    {"StudyID": "7"},
    {"StudyDate": "20240101-20241231"},
    {"StudyDate": "20240101-20241231", "ModalitiesInStudy": "CT"},
    {"StudyDate": "20240101", "ModalitiesInStudy": "CT\\MR"},
    {"ModalitiesInStudy": "MR"},
    {"StudyInstanceUID": "1.2.3"},
    {},
]


def plan(path, level, texts, *, fuzzy=False, after=None):
    tags = {tag_of(keyword): text for keyword, text in texts.items()}
    rules = KeyRules(fuzzy_names=fuzzy)
    keys = tuple(
        Key(tag, vr_of(tag), matching_of(vr_of(tag), text, rules)) for tag, text in tags.items()
    )
    return plan_of_keys(path, level, keys, after=after)


def plan_of_keys(path, level, keys, *, after=None):
    query = Query(level, keys, relational=True)
    work = _work_of(query, beside(EXTRA))
    place = None if after is None else ("",) * len(work.plan.order)
    text, parameters = statement_of(query, work.plan, work.conditions, work.computed, place)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {text} LIMIT 10", parameters).fetchall()
    return [row[3] for row in rows]


@pytest.fixture
def held(ledger, path):
    ledger.record([entry(1)])
    return path


@pytest.mark.parametrize("after", [None, "somewhere"])
@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES, Level.IMAGE])
@pytest.mark.parametrize("texts", USUAL, ids=str)
def test_a_page_is_found_without_sorting_what_is_behind_it(held, level, texts, after):
    steps = plan(held, level, texts, after=after)

    # What has one UID is one study: sorting it costs nothing.
    is_one = "StudyInstanceUID" in texts and level == Level.STUDY
    assert is_one or [step for step in steps if "TEMP B-TREE" in step] == []
    # What is scanned is the index whose order is that of the answer.
    scans = [step for step in steps if step.startswith("SCAN")]
    assert all("USING" in step for step in scans), steps
    assert scans == [] or texts == {}, steps


@pytest.mark.parametrize("after", [None, "somewhere"])
def test_whether_a_name_came_before_is_asked_of_its_owner(held, after):
    """Asked of all names that begin so, ten times as many take ten times as long."""
    steps = plan(held, Level.STUDY, {"PatientName": "mull*"}, after=after)

    (asked,) = [step for step in steps if step.startswith("SEARCH o")]
    assert "ix_name_key_owner_row (owner_row=? AND kind=?" in asked


@pytest.mark.parametrize("level", Level)
def test_names_by_sound_begin_at_the_sounds(held, level):
    steps = plan(held, level, FUZZY, fuzzy=True)

    assert any("SEARCH p USING INTEGER PRIMARY KEY" in step for step in steps), steps


@pytest.mark.parametrize("after", [None, "somewhere"])
@pytest.mark.parametrize("level", [Level.SERIES, Level.IMAGE])
@pytest.mark.parametrize(
    "texts",
    [
        {"PatientComments": "deaf"},
        {"PatientAge": "030Y", "StudyDate": "20240101-"},
        {"ProtocolName": "Head*", "ModalitiesInStudy": "CT"},
    ],
    ids=str,
)
def test_extra_attributes_begin_at_their_index(held, level, texts, after):
    steps = plan(held, level, texts, after=after)

    assert [step for step in steps if step.startswith("SCAN")] == [], steps
    assert any("SEARCH y USING PRIMARY KEY (tag=? AND level=? AND value" in step for step in steps)


@pytest.mark.parametrize("keyword", ["RequestedProcedureID", "ScheduledProcedureStepID"])
def test_requests_begin_at_the_index_of_their_number(held, keyword):
    tag = tag_of(keyword)
    inner = Key(tag, "SH", matching_of("SH", "R1"))

    steps = plan_of_keys(held, Level.SERIES, (Key(0x00400275, "SQ", ItemWith((inner,))),))

    assert [step for step in steps if step.startswith("SCAN y")] == [], steps
    assert any("SEARCH y USING COVERING INDEX ix_series_request" in step for step in steps), steps
    assert any(step.startswith("SEARCH s USING INTEGER PRIMARY KEY") for step in steps), steps
