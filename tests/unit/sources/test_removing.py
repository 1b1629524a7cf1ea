"""DELETE at the door: what it takes, what it leaves, and what it says."""

import asyncio
from dataclasses import replace

import pytest
from delivery_plans import claim, planned, settle
from ledger_entries import rows
from stow_rig import Rig, file_of, instances, parts

from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.resource import Delete, Place
from hilum.ledger.errors import LedgerUnavailable
from hilum.sources.web.caller import EVERYTHING, HttpCaller
from hilum.sources.web.exchange import Exchange
from hilum.sources.web.removing import Removing

A, B, C = instances(3)
STUDY = f"/studies/{A.study_instance_uid}"
SERIES = f"{STUDY}/series/{A.series_instance_uid}"
INSTANCE = f"{SERIES}/instances/{A.sop_instance_uid}"
READER = frozenset(("read", "write", "admin"))
AUDIT = "SELECT outcome, peer, host, study_instance_uid FROM audit WHERE event = 'payloads removed'"


@pytest.fixture
def run(tmp_path):
    def runner(scenario, **named):
        async def main():
            async with Rig(tmp_path, **named) as rig:
                return await scenario(rig)

        return asyncio.run(main())

    return runner


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (STUDY, 0),
        (SERIES, 0),
        (INSTANCE, 2),
        (f"/series/{A.series_instance_uid}", 0),
        (f"/instances/{A.sop_instance_uid}", 2),
    ],
)
@pytest.mark.parametrize("synced", [True, False])
def test_what_is_named_goes_with_its_files_and_nothing_else(run, path, left, synced):
    async def scenario(rig):
        await rig.store(parts(file_of(A), file_of(B), file_of(C)))
        answer = await rig.delete(path)

        assert (answer.status, answer.content) == (204, b"")
        assert len(rig.held()) == len(rig.bench.files()) == left
        assert rig.bench.ledger.removals.unconfirmed() == []

    run(scenario, synced=synced)


def test_nothing_goes_for_who_sets_a_condition_that_nobody_looks_at(run):
    async def scenario(rig):
        await rig.store(parts(file_of(A)))
        answers = [
            await rig.delete(STUDY, if_match='"other"'),
            await rig.delete(STUDY, if_none_match="*"),
            await rig.store(parts(file_of(B)), headers=(("if-none-match", "*"),)),
        ]

        assert [answer.status for answer in answers] == [412, 412, 412]
        assert len(rig.held()) == 1

    run(scenario)


def test_all_versions_go(run):
    changed = replace(A, data_set=A.data_set[:-1] + b"\xff")

    async def scenario(rig):
        await rig.store(parts(file_of(A), file_of(changed)))
        before = len(rig.bench.files())
        await rig.delete(INSTANCE)

        assert before == 2
        assert rig.bench.files() == []
        assert rig.bench.ledger.counts().studies == 0

    run(scenario)


def test_receipts_stay_and_what_went_can_be_stored_again(run):
    async def scenario(rig):
        await rig.store(parts(file_of(A)))
        await rig.delete(STUDY)
        again = await rig.store(parts(file_of(A)))

        assert again.stored == [A.sop_instance_uid]
        assert len(rig.bench.ledger.lookup.receipts(A.sop_instance_uid)) == 2

    run(scenario)


@pytest.mark.parametrize(
    "path", [f"{STUDY}/series/{A.study_instance_uid}", "/studies/1.2.3", f"/series/{STUDY[9:]}"]
)
def test_what_is_not_there_is_not_found(run, path):
    async def scenario(rig):
        await rig.store(parts(file_of(A)))

        assert (await rig.delete(path)).status == 404
        assert rig.held() == [A.sop_instance_uid]

    run(scenario)


def test_it_is_on_record_who_deleted(run):
    async def scenario(rig):
        await rig.store(parts(file_of(A), file_of(B)))
        await rig.delete(STUDY)

        found = rows(rig.bench.ledger.path, AUDIT)
        assert found == [("success", "ai", "10.0.0.7", A.study_instance_uid)]

    run(scenario)


def test_who_has_not_the_role_deletes_nothing_and_is_on_record(run):
    async def scenario(rig):
        await rig.store(parts(file_of(A)))
        answer = await rig.delete(STUDY, roles=READER)

        assert answer.status == 403
        assert rig.held() == [A.sop_instance_uid]
        found = rows(rig.bench.ledger.path, AUDIT)
        assert found == [("refused", "ai", "10.0.0.7", A.study_instance_uid)]

    run(scenario)


def test_who_has_no_name_deletes_only_where_that_is_set(run):
    async def scenario(rig):
        await rig.store(parts(file_of(A)))
        answer = await rig.delete(STUDY, name="")

        assert answer.status == 403
        assert "local_delete" in answer.json["detail"]
        assert rig.held() == [A.sop_instance_uid]

        reply = await Removing(rig.deleter, may_nobody=True)(
            Exchange(
                {"method": "DELETE", "raw_path": b"", "headers": [], "query_string": b""},
                None,
                caller=HttpCaller("", "127.0.0.1", EVERYTHING),
                root=BaseUrl("http", "pacs"),
                entity="HILUM",
            ),
            Delete(Place(A.study_instance_uid)),
        )
        assert reply.status == 204

    run(scenario)


def test_what_is_still_owed_stays_and_all_around_it(run):
    async def scenario(rig):
        ledger = rig.bench.ledger
        ledger.record([planned(1, "pacs", "cloud"), planned(2)])
        settle(ledger, claim(ledger, limit=1))
        answer = await rig.delete("/studies/1.2.3")

        assert answer.status == 409
        assert "2 deliveries" in answer.json["detail"]
        assert "hilum queue" in answer.json["detail"]
        assert len(rig.held()) == 2
        assert rows(ledger.path, AUDIT)[-1][0] == "refused"

    run(scenario)


def test_what_is_delivered_may_go(run):
    async def scenario(rig):
        ledger = rig.bench.ledger
        ledger.record([planned(1)])
        settle(ledger, claim(ledger))

        assert (await rig.delete("/studies/1.2.3")).status == 204

    run(scenario)


def test_a_file_that_cannot_be_removed_is_remembered(run):
    async def scenario(rig):
        await rig.store(parts(file_of(A)))
        rig.bench.disk.fault = "remove"
        answer = await rig.delete(STUDY)

        assert answer.status == 204
        assert rig.held() == []
        assert rig.bench.ledger.removals.unconfirmed() == rig.bench.files()
        assert "CleanUpFailed" in rig.bench.telemetry.names()

    run(scenario)


def test_a_ledger_that_is_away_deletes_nothing(run):
    async def scenario(rig):
        await rig.store(parts(file_of(A)))

        def away(*_, **__):
            raise LedgerUnavailable("away")

        rig.deleter._removals.remove = away
        answer = await rig.delete(STUDY)

        assert answer.status == 503
        assert len(rig.bench.files()) == 1

    run(scenario)


def test_nothing_named_means_nothing(run):
    async def scenario(rig):
        with pytest.raises(ValueError, match="no UID"):
            rig.bench.ledger.versions.under()
        assert (await rig.delete("/studies")).status == 405

    run(scenario)
