"""STOW-RS at the door: what is answered is kept, what is not kept is not answered as success."""

import asyncio
import errno
from dataclasses import replace

import pytest
from stow_rig import BOUNDARY, GONE, Rig, file_of, instances, part, parts

from hilum.ledger.errors import LedgerUnavailable
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.intake import IntakeLimits
from hilum.sources.web import storing_parts
from hilum.sources.web.pace import Pace
from hilum.sources.web.storing import StoreLimits
from hilum.testing.datasets import instance

A, B = instances(2)


@pytest.fixture
def run(tmp_path):
    def runner(scenario, **named):
        async def main():
            async with Rig(tmp_path, **named) as rig:
                return await scenario(rig)

        return asyncio.run(main())

    return runner


@pytest.mark.parametrize("synced", [True, False])
@pytest.mark.parametrize("step", [1, 7, 4096, 1 << 20])
def test_every_instance_is_kept_as_it_was_sent_however_the_body_is_cut(run, step, synced):
    few = instances(3, pixel_bytes=300)

    async def scenario(rig):
        answer = await rig.store(parts(*map(file_of, few)), step=step)

        assert answer.status == 200
        assert sorted(answer.stored) == rig.held() == sorted(one.sop_instance_uid for one in few)
        assert all(rig.bytes_of(one.sop_instance_uid).endswith(one.data_set) for one in few)

    run(scenario, synced=synced)


def test_large_instances_are_written_in_runs(run):
    few = instances(3, pixel_bytes=3_000_000)

    async def scenario(rig):
        answer = await rig.store(parts(*map(file_of, few)), step=100_000)

        assert answer.status == 200
        assert all(rig.bytes_of(one.sop_instance_uid).endswith(one.data_set) for one in few)

    run(scenario)


def test_more_parts_than_may_be_in_flight_are_all_kept(run):
    many = instances(60, pixel_bytes=100)

    async def scenario(rig):
        answer = await rig.store(parts(*map(file_of, many)))

        assert len(answer.stored) == len(rig.held()) == 60

    run(scenario, synced=True)


def test_instances_of_a_request_share_commits(run, monkeypatch):
    monkeypatch.setattr(storing_parts, "TOGETHER_SECONDS_MAX", 60.0)
    many = instances(24, pixel_bytes=100)

    async def scenario(rig):
        body = parts(*map(file_of, many))
        asked = [body[at : at + 1024] for at in range(0, len(body), 1024)]

        async def receive():
            await asyncio.sleep(0)  # the loop could commit what is complete
            piece = asked.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(asked)}

        await rig.ask_by(receive)

        assert len(rig.held()) == len(many)
        assert rig.bench.telemetry.names().count("GroupCommitted") <= 24 // 8

    run(scenario)


def test_what_is_complete_is_kept_although_its_client_sends_no_more(run):
    async def scenario(rig):
        whole = parts(file_of(A), file_of(B))
        asked = [{"type": "http.request", "body": whole[:-1000], "more_body": True}]

        kept = asyncio.Event()
        take = rig.bench.intake.receive

        def noting(announcement, *, answered, resumed):
            def told(answer):
                kept.set()
                answered(answer)

            return take(announcement, answered=told, resumed=resumed)

        async def receive():
            if asked:
                return asked.pop()
            await kept.wait()
            return GONE

        rig.bench.intake.receive = noting
        await rig.ask_by(receive)

        assert rig.held() == [A.sop_instance_uid]

    run(scenario)


def test_an_answer_tells_where_each_instance_can_be_fetched(run):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A)))

        study = f"http://pacs/dicom-web/studies/{A.study_instance_uid}"
        series = f"{study}/series/{A.series_instance_uid}"
        (item,) = answer.json["00081199"]["Value"]
        assert answer.json["00081190"]["Value"] == [study]
        assert item["00081190"]["Value"] == [f"{series}/instances/{A.sop_instance_uid}"]
        assert item["00081150"]["Value"] == [A.sop_class_uid]

    run(scenario)


def test_an_answer_is_xml_for_who_wants_that(run):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A)), headers={"accept": "application/dicom+xml"})

        assert answer.headers["content-type"] == "application/dicom+xml"
        assert b'tag="00081199"' in answer.content
        assert A.sop_instance_uid.encode() in answer.content

    run(scenario)


def test_a_receipt_says_who_brought_it(run):
    async def scenario(rig):
        await rig.store(parts(file_of(A)))

        (receipt,) = rig.bench.ledger.lookup.receipts(A.sop_instance_uid)
        assert (receipt.peer, receipt.host, receipt.calling_ae_title) == ("ai", "10.0.0.7", "")

    run(scenario)


def test_one_instance_comes_as_a_body_of_its_own(run):
    async def scenario(rig):
        answer = await rig.store(file_of(A), "application/dicom")

        assert answer.status == 200
        assert rig.bytes_of(A.sop_instance_uid).endswith(A.data_set)

    run(scenario)


def test_a_data_set_without_a_head_is_of_the_syntax_that_is_said(run):
    bare = instance(seed=1, syntax="1.2.840.10008.1.2", pixel_bytes=50_000)

    async def scenario(rig):
        kind = "application/dicom; transfer-syntax=1.2.840.10008.1.2"
        answer = await rig.store(bare.data_set, kind)

        assert answer.stored == [bare.sop_instance_uid]
        assert rig.bytes_of(bare.sop_instance_uid).endswith(bare.data_set)

    run(scenario)


def test_the_data_set_says_what_instance_it_is(run):
    misnamed = replace(A, sop_instance_uid=B.sop_instance_uid)

    async def scenario(rig):
        answer = await rig.store(parts(file_of(misnamed)))

        assert answer.stored == [A.sop_instance_uid] == rig.held()

    run(scenario)


def test_instances_of_another_study_than_the_one_named_fail_alone_and_leave_nothing(run):
    other = instance(seed=1, study=5)

    async def scenario(rig):
        answer = await rig.store(parts(file_of(A), file_of(other)), study=A.study_instance_uid)

        assert answer.status == 202
        assert answer.stored == [A.sop_instance_uid] == rig.held()
        assert answer.failed == {other.sop_instance_uid: 0xA901}
        assert len(rig.bench.files()) == 1
        assert not any((rig.bench.root / "quarantine").iterdir())

    run(scenario)


def test_only_instances_of_another_study_are_a_conflict(run):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A)), study="1.2.3")

        assert answer.status == 409
        assert answer.failed == {A.sop_instance_uid: 0xA901}
        assert rig.held() == []

    run(scenario)


def test_what_is_no_instance_fails_without_a_name_and_the_others_are_kept(run):
    async def scenario(rig):
        answer = await rig.store(parts(b"a letter", file_of(A), b"", bytes(200_000)))

        assert answer.status == 202
        assert answer.stored == [A.sop_instance_uid]
        assert answer.others == [0xC000] * 3

    run(scenario)


def test_an_instance_that_ends_early_fails_by_its_name(run):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A)[:-100], file_of(B)))

        assert answer.status == 202
        assert answer.stored == [B.sop_instance_uid] == rig.held()
        assert answer.failed == {A.sop_instance_uid: 0xC000}

    run(scenario)


def test_other_bytes_under_a_known_uid_go_by_the_policy(run):
    changed = replace(A, data_set=A.data_set[:-1] + b"\xff")

    async def scenario(rig):
        await rig.store(parts(file_of(A)))
        answer = await rig.store(parts(file_of(changed)))

        assert answer.status == 409
        assert answer.failed == {A.sop_instance_uid: 0x0111}

    run(scenario, policy=DuplicatePolicy.KEEP_FIRST)


def test_the_same_bytes_twice_in_a_request_are_kept_once(run):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A), file_of(A)))

        assert answer.status == 200
        assert answer.stored == [A.sop_instance_uid]
        assert len(rig.bench.files()) == 1

    run(scenario)


def test_a_client_that_goes_away_leaves_what_was_complete(run):
    whole = parts(file_of(A), file_of(B))

    async def scenario(rig):
        assert await rig.store(whole[:-1000], is_cut=True) is None
        await rig.bench.intake._idle.wait()

        assert rig.held() == [A.sop_instance_uid]
        assert rig.bench.drafts() == 0
        assert rig.bench.intake.open_receptions == 0
        assert rig.bench.intake.carriers == 0

    run(scenario)


@pytest.mark.parametrize("is_cut", [True, False])
def test_what_is_cut_between_two_elements_is_not_taken_for_a_whole(run, is_cut):
    at = A.data_set.rindex(b"\xe0\x7f\x10\x00")
    long = b"\xd1\x7f\x10\x10OB\0\0" + (40_000).to_bytes(4, "little") + bytes(40_000)
    whole = replace(A, data_set=A.data_set[:at] + long + A.data_set[at:])
    body = parts(file_of(whole), ending="")[: -(len(A.data_set) - at) - 2]

    async def scenario(rig):
        answer = await rig.store(body, is_cut=is_cut)
        await rig.bench.intake._idle.wait()

        assert answer is None if is_cut else answer.status == 400
        assert rig.held() == []

    run(scenario)


def test_a_body_that_ends_inside_a_part_tells_what_was_kept(run):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A), file_of(B))[:-1000])

        assert answer.status == 202
        assert answer.stored == [A.sop_instance_uid] == rig.held()
        assert answer.others == [0xC000]

    run(scenario)


def test_a_body_that_brings_nothing_whole_is_refused(run):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A))[:-1000])

        assert answer.status == 400
        assert "ended inside part 1" in answer.json["detail"]
        assert rig.held() == []

    run(scenario)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ('multipart/related; type="image/jpeg"; boundary=x', 415),
        ('multipart/related; type="application/dicom"', 400),
        ("nonsense", 400),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_type(run, content_type, status):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A)), content_type)

        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert rig.held() == []

    run(scenario)


@pytest.mark.parametrize(
    "content_type",
    [
        f"multipart/related; boundary={BOUNDARY}",
        f"multipart/related; type=application/dicom; boundary={BOUNDARY}",
        f'Multipart/Related; BOUNDARY="{BOUNDARY}"; TYPE="application/dicom"; start="<a>"',
    ],
)
def test_types_are_read_as_clients_write_them(run, content_type):
    async def scenario(rig):
        assert (await rig.store(parts(file_of(A)), content_type)).status == 200

    run(scenario)


def test_parts_may_leave_out_what_they_are(run):
    async def scenario(rig):
        body = parts(file_of(A)).replace(b"Content-Type: application/dicom\r\n", b"")
        assert (await rig.store(body)).stored == [A.sop_instance_uid]

    run(scenario)


def test_an_answer_that_nobody_takes_is_refused_before_anything_is_stored(run):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A)), headers={"accept": "image/png"})

        assert answer.status == 406
        assert rig.held() == []

    run(scenario)


def test_who_may_not_write_stores_nothing(run):
    async def scenario(rig):
        answer = await rig.store(parts(file_of(A)), roles=frozenset(("read",)))

        assert answer.status == 403
        assert rig.held() == []

    run(scenario)


def test_without_room_a_body_that_waits_for_consent_is_never_asked_for(run):
    async def scenario(rig):
        rig.bench.intake.learn_room(0, 1 << 40)
        answer = await rig.store(parts(file_of(A)), headers={"expect": "100-continue"})

        assert answer.status == 503
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["connection"] == "close"
        assert rig.bodies_read == 0

    run(scenario)


@pytest.mark.parametrize("fault", ["create", "write", "sync"])
def test_a_disk_that_fails_makes_nothing_a_success(run, fault):
    few = instances(2, pixel_bytes=500_000)

    async def scenario(rig):
        rig.bench.disk.fault = fault
        answer = await rig.store(parts(*map(file_of, few)))

        assert answer.status == 503
        assert set(answer.failed.values()) == {0xA700}
        assert rig.held() == []

    run(scenario, synced=True)


def test_a_ledger_that_fails_makes_nothing_a_success(run):
    async def scenario(rig):
        rig.bench.records.fault = LedgerUnavailable("away")
        answer = await rig.store(parts(file_of(A)))

        assert answer.status == 503
        assert answer.failed == {A.sop_instance_uid: 0xA700}

    run(scenario)


def test_an_instance_longer_than_any_ends_the_request(run):
    long = instance(seed=9, pixel_bytes=900_000)

    async def scenario(rig):
        rig.bench.intake._limits = IntakeLimits(instance_bytes_max=500_000)
        answer = await rig.store(parts(file_of(A), file_of(long), file_of(B)), step=65536)
        alone = await rig.store(parts(file_of(long)), step=65536)

        assert answer.status == 202
        assert answer.stored == [A.sop_instance_uid] == rig.held()
        assert answer.headers["connection"] == "close"
        assert alone.status == 413

    run(scenario)


def test_more_parts_than_a_request_may_have_are_told(run):
    async def scenario(rig):
        answer = await rig.store(parts(*[file_of(one) for one in instances(5)]))

        assert answer.status == 202
        assert len(answer.stored) == len(rig.held()) == 3
        assert answer.others == [0xC000]

    run(scenario, limits=StoreLimits(parts_max=3))


def test_a_client_that_stalls_is_told_what_was_kept(run):
    async def scenario(rig):
        whole = parts(file_of(A), file_of(B))
        asked = [{"type": "http.request", "body": whole[:-1000], "more_body": True}]

        async def receive():
            return asked.pop() if asked else await asyncio.Future()

        sent = await rig.ask_by(receive)

        assert sent[0]["status"] == 202
        assert rig.held() == [A.sop_instance_uid]

    run(scenario, pace=Pace(1 << 40, 0.01))


def test_a_request_that_is_under_way_is_known_as_such(run):
    async def scenario(rig):
        seen = []
        receive = rig.bench.intake.receive

        def noting(announcement, **named):
            seen.append(announcement.origin.association_id)
            seen.append(rig.storing.is_open(seen[0]))
            return receive(announcement, **named)

        rig.bench.intake.receive = noting
        await rig.store(parts(file_of(A)))

        assert seen[1]
        assert not rig.storing.is_open(seen[0])

    run(scenario)


def test_a_part_that_calls_itself_bytes_among_files_is_a_file(run):
    async def scenario(rig):
        body = part(file_of(A), "application/octet-stream") + f"--{BOUNDARY}--".encode()
        assert (await rig.store(body)).stored == [A.sop_instance_uid]

    run(scenario)


def test_a_disk_that_is_full_for_one_tells_it_of_that_one(run):
    few = instances(2, pixel_bytes=500_000)

    async def scenario(rig):
        rig.bench.disk.number = errno.ENOSPC
        first = await rig.store(parts(file_of(few[0])))
        rig.bench.disk.fault = "write"
        second = await rig.store(parts(file_of(few[1])))

        assert (first.status, second.status) == (200, 503)
        assert rig.held() == [few[0].sop_instance_uid]

    run(scenario)


def test_a_stop_waits_for_requests_under_way_and_refuses_others(run):
    async def scenario(rig):
        rig.gate.clear()
        going_on = asyncio.create_task(rig.store(parts(file_of(A))))
        while not rig.bodies_read:  # noqa: ASYNC110 - the door has no event for it
            await asyncio.sleep(0)
        stopping = asyncio.create_task(rig.storing.stop(10.0))
        await asyncio.sleep(0)
        assert not stopping.done()

        late = asyncio.create_task(rig.store(parts(file_of(B))))
        rig.gate.set()
        late = await late
        await stopping

        assert (await going_on).status == 200
        assert (late.status, late.headers["retry-after"]) == (503, "5")
        assert rig.held() == [A.sop_instance_uid]

    run(scenario)


def test_a_stop_does_not_wait_for_ever(run):
    async def scenario(rig):
        rig.storing._requests.emptied.clear()
        await asyncio.wait_for(rig.storing.stop(0.01), 5)

    run(scenario)
