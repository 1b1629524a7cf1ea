"""The archive over a real ledger and vault: what is held is found and given, and told."""

import asyncio
import json
import threading

import pytest
from archive_rig import ASKER, ArchiveRig, gathered
from ledger_entries import rows

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dictionary import tag_of
from hilum.dicom.encode import encode_data_set
from hilum.dicom.match_keys import matching_of
from hilum.dicom.matching import Key
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicom.vrs import vr_of
from hilum.ledger.entry import Verdict
from hilum.ledger.errors import LedgerUnavailable
from hilum.pipeline.archive import local
from hilum.pipeline.archive.ports import Purpose
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval

EXPLICIT = "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


def data_set(number, *, study=1, patient="P1", name="Müller^Jürgen", pixels=b"", **texts):
    builder = DataSetBuilder("ISO_IR 192")
    values = {
        "SOPClassUID": CT,
        "SOPInstanceUID": f"1.2.{study}.1.{number}",
        "StudyInstanceUID": f"1.2.{study}",
        "SeriesInstanceUID": f"1.2.{study}.1",
        "StudyDate": "20260102",
        "Modality": "CT",
        "PatientID": patient,
        "PatientName": name,
        "InstanceNumber": str(number),
    }
    for keyword, value in (values | texts).items():
        builder.texts(tag_of(keyword), value)
    if pixels:
        builder.raw(0x7FE00010, pixels, vr="OW")
    return builder.data_set


def stored(rig, *args, verdict=Verdict.KEPT, **kwargs):
    return rig.store(
        encode_data_set(data_set(*args, **kwargs), transfer_syntax(EXPLICIT)),
        EXPLICIT,
        verdict=verdict,
    )


@pytest.fixture
def rig(tmp_path):
    made = ArchiveRig(tmp_path)
    yield made
    made.close()


def key(keyword, text):
    tag = tag_of(keyword)
    return Key(tag, vr_of(tag), matching_of(vr_of(tag), text))


def found(rig, query):
    return gathered(rig.archive.find(query, ASKER))


def study(uid="1.2.1"):
    return Retrieval(Level.STUDY, {Level.STUDY: (uid,)})


def test_what_is_found_is_told_before_it_is_given(rig):
    stored(rig, 1)

    [batch] = found(rig, Query(Level.STUDY, (key("PatientID", "P1"), key("PatientName", "mull*"))))

    assert [match.attributes.text(0x0020000D) for match in batch.matches] == ["1.2.1"]
    assert rig.audits() == [
        ("query", "success", "", "", "P1", "STUDY: PatientID=P1; PatientName=mull*")
    ]


def test_nothing_is_found_in_one_empty_batch_that_is_told_too(rig):
    batches = found(rig, Query(Level.STUDY, (key("StudyInstanceUID", "9.9"),)))

    assert [batch.matches for batch in batches] == [()]
    assert rig.audits()[0][:3] == ("query", "success", "9.9")


def test_all_matches_come_in_batches_within_the_offset_and_the_limit(rig, monkeypatch):
    monkeypatch.setattr(local, "FIRST_BATCH", 2)
    monkeypatch.setattr(local, "BATCH", 3)
    for number in range(1, 12):
        stored(rig, 1, study=number)

    def uids(**how):
        batches = found(rig, Query(Level.STUDY, **how))
        return [match.attributes.text(0x0020000D) for one in batches for match in one.matches]

    everything = uids()
    assert len(set(everything)) == 11
    assert uids(offset=3) == everything[3:]
    assert uids(offset=1, limit=4) == everything[1:5]
    assert uids(limit=0) == []
    assert uids(offset=20) == []


def test_an_offset_is_kept_when_looking_takes_more_than_one_call(rig, monkeypatch):
    monkeypatch.setattr("hilum.ledger.search.CANDIDATES_MAX", 2)
    monkeypatch.setattr("hilum.ledger.search._CANDIDATES_AT_ONCE", 2)
    for number in range(1, 9):
        stored(rig, 1, study=number, StudyTime=f"10{number:02}00")
    query = Query(Level.STUDY, (key("StudyTime", "1000-1059"),), offset=5)

    batches = found(rig, query)

    assert sum(len(batch.matches) for batch in batches) == 3


def test_who_stops_early_is_accounted_for(rig):
    stored(rig, 1)

    async def look():
        answers = rig.archive.find(Query(Level.STUDY), ASKER)
        async for _ in answers:
            break
        await answers.aclose()

    asyncio.run(look())

    assert rig.audits() == [("query", "success", "", "", "", "STUDY: all")]


def test_what_cannot_be_accounted_for_is_not_given(rig):
    stored(rig, 1)

    def refuse(*_):
        raise LedgerUnavailable("no")

    archive = rig.make(audit=refuse)

    with pytest.raises(LedgerUnavailable):
        gathered(archive.find(Query(Level.STUDY), ASKER))
    for purpose in Purpose:
        with pytest.raises(LedgerUnavailable):
            asyncio.run(archive.holdings(study(), ASKER, purpose))
    archive.close()


def test_holdings_of_several_studies_have_a_record_each(rig):
    stored(rig, 1)
    stored(rig, 2)
    stored(rig, 1, study=2, patient="P2")
    retrieval = Retrieval(Level.STUDY, {Level.STUDY: ("1.2.1", "1.2.2")})

    holdings = asyncio.run(rig.archive.holdings(retrieval, ASKER, Purpose.MOVE))

    assert [one.sop_instance_uid for one in holdings] == ["1.2.1.1.1", "1.2.1.1.2", "1.2.2.1.1"]
    assert rig.audits() == [
        ("move", "success", "1.2.1", "", "P1", "STUDY: 2 instances"),
        ("move", "success", "1.2.2", "1.2.2.1.1", "P2", "STUDY: 1 instances"),
    ]


def test_who_asks_for_what_is_not_held_is_told_too(rig):
    assert asyncio.run(rig.archive.holdings(study("9.9"), ASKER, Purpose.GET)) == ()

    assert rig.audits() == [("get", "nothing held", "9.9", "", "", "STUDY: StudyInstanceUID=9.9")]


def described(rig, retrieval, root="https://pacs/dicom-web"):
    holdings = asyncio.run(rig.archive.holdings(retrieval, ASKER, Purpose.METADATA))
    return [json.loads(one) for one in gathered(rig.archive.metadata(holdings, root))]


def test_metadata_has_addresses_below_the_root_that_was_asked_for(rig):
    stored(rig, 1, pixels=bytes(5000), ImageComments='say "BulkDataURI":"x')

    [one] = described(rig, study(), 'https://a"b/rs')

    assert one["7FE00010"] == {
        "vr": "OW",
        "BulkDataURI": 'https://a"b/rs/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1'
        "/bulkdata/7FE00010",
    }
    assert one["00204000"]["Value"] == ['say "BulkDataURI":"x']
    assert one["00100010"]["Value"] == [{"Alphabetic": "Müller^Jürgen"}]


def test_metadata_leaves_out_what_cannot_be_read(rig):
    kept = [stored(rig, number) for number in (1, 2, 3)]
    rig.vault.remove(kept[1].path)

    numbers = [one["00200013"]["Value"] for one in described(rig, study())]

    assert numbers == [[1], [3]]


def test_when_the_first_answer_comes_its_record_is_committed(rig):
    """Seen from another connection, as the file would be after the process died."""
    stored(rig, 1)
    events = "SELECT event FROM audit WHERE event != 'instances received' ORDER BY id"

    async def look():
        async for _ in rig.archive.find(Query(Level.STUDY), ASKER):
            assert rows(rig.ledger.path, events) == [("query",)]
        await rig.archive.holdings(study(), ASKER, Purpose.RETRIEVE)
        assert rows(rig.ledger.path, events) == [("query",), ("retrieve",)]

    asyncio.run(look())


def test_a_slow_account_holds_back_the_answer_until_it_is_written(rig):
    stored(rig, 1)
    may_write = threading.Event()

    def write(*records):
        assert may_write.wait(5)
        rig.ledger.audit(*records)

    archive = rig.make(audit=write)

    async def look():
        answers = archive.find(Query(Level.STUDY), ASKER)
        first = asyncio.ensure_future(anext(answers))
        await archive._in_thread(lambda: None)  # the search itself is over
        await asyncio.sleep(0)
        assert not first.done()
        may_write.set()
        assert len((await first).matches) == 1
        await answers.aclose()

    asyncio.run(look())
    archive.close()
    assert len(rig.audits()) == 1
