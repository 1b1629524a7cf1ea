"""What an instance is owed: planned in the transaction of its receipt, whatever goes wrong."""

import asyncio
import dataclasses
from datetime import UTC

import pytest
from intake_bench import Bench

from hilum.ledger.delivery import Selection, State
from hilum.pipeline.answers import Kept
from hilum.pipeline.buffers import Buffer
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.lanes.groups import Members, Standing
from hilum.routing.known import Known
from hilum.routing.routes import read_routes
from hilum.routing.settings import RouteSettings
from hilum.testing.datasets import instance


def routes(*tables):
    settings = [RouteSettings.model_validate(table) for table in tables]
    read, faults = read_routes(settings, Known(), UTC)
    assert not faults.found
    return read


def run(tmp_path, scenario):
    async def main() -> None:
        bench = Bench(tmp_path, synced=False, policy=DuplicatePolicy.KEEP_BOTH)
        bench.intake.start(asyncio.get_running_loop())
        try:
            await scenario(bench)
        finally:
            await bench.intake.stop()
            bench.ledger.close()

    asyncio.run(main())


def owed(bench: Bench) -> list[tuple[str, State]]:
    return [(one.destination, one.state) for one in bench.ledger.queue.find(Selection())]


@pytest.mark.parametrize("pixel_bytes", [100, 3_000_000])
def test_what_a_route_sends_is_owed_when_success_is_answered(tmp_path, pixel_bytes):
    async def scenario(bench: Bench) -> None:
        bench.planner.change(routes({"name": "a", "to": ["pacs"]}, {"name": "b", "to": ["ai"]}))

        answer = await bench.bring(instance(seed=1, pixel_bytes=pixel_bytes))

        assert isinstance(answer, Kept)
        assert owed(bench) == [("pacs", State.WAITING), ("ai", State.WAITING)]
        assert bench.owed == [{"pacs": {1}, "ai": {1}}]

    run(tmp_path, scenario)


def test_the_same_bytes_again_owe_nothing_new(tmp_path):
    async def scenario(bench: Bench) -> None:
        bench.planner.change(routes({"name": "a", "to": ["pacs"]}))
        for _ in range(2):
            await bench.bring(instance(seed=1, pixel_bytes=100))

        assert owed(bench) == [("pacs", State.WAITING)]

    run(tmp_path, scenario)


def test_the_same_bytes_again_are_owed_to_whom_only_a_newer_route_sends_them(tmp_path):
    async def scenario(bench: Bench) -> None:
        for target in ("pacs", "cloud"):
            bench.planner.change(routes({"name": "a", "to": [target]}))
            await bench.bring(instance(seed=1, pixel_bytes=100))

        assert owed(bench) == [("pacs", State.WAITING), ("cloud", State.WAITING)]

    run(tmp_path, scenario)


def with_requested_step(generated, *, has_pixels):
    """Put a Request Attributes Sequence behind the header, and the pixels behind it or nowhere."""
    header, mark, pixels = generated.data_set.partition(b"\xe0\x7f\x10\x00")
    element = b"\x40\x00\x09\x00SH\x04\x00A-17"
    item = b"\xfe\xff\x00\xe0" + len(element).to_bytes(4, "little") + element
    sequence = b"\x40\x00\x75\x02SQ\0\0" + len(item).to_bytes(4, "little") + item
    return dataclasses.replace(
        generated, data_set=header + sequence + (mark + pixels if has_pixels else b"")
    )


@pytest.mark.parametrize("has_pixels", [True, False])
@pytest.mark.parametrize("pixel_bytes", [100, 3_000_000])
def test_a_condition_inside_a_sequence_is_read_from_the_payload(tmp_path, pixel_bytes, has_pixels):
    path = "RequestAttributesSequence.ScheduledProcedureStepID"

    async def scenario(bench: Bench) -> None:
        bench.planner.change(
            routes(
                {"name": "fits", "when": {path: "A-17"}, "to": ["fits"]},
                {"name": "other", "when": {path: "A-18"}, "to": ["other"]},
                {"name": "without", "when": {path: False}, "to": ["without"]},
            )
        )
        generated = instance(seed=1, pixel_bytes=pixel_bytes)
        answer = await bench.bring(with_requested_step(generated, has_pixels=has_pixels))

        assert isinstance(answer, Kept)
        assert owed(bench) == [("fits", State.WAITING)]

    run(tmp_path, scenario)


def test_what_is_absent_is_absent_inside_sequences_too(tmp_path):
    path = "RequestAttributesSequence.ScheduledProcedureStepID"

    async def scenario(bench: Bench) -> None:
        bench.planner.change(routes({"name": "without", "when": {path: False}, "to": ["without"]}))

        await bench.bring(instance(seed=1, pixel_bytes=100))

        assert owed(bench) == [("without", State.WAITING)]

    run(tmp_path, scenario)


def test_a_group_sends_to_the_first_that_works(tmp_path):
    async def scenario(bench: Bench) -> None:
        bench.planner.change(routes({"name": "a", "to": [{"first_of": ["pacs", "standby"]}]}))
        bench.members = Members({"pacs": Standing.DOWN, "standby": Standing.WELL}, {})

        await bench.bring(instance(seed=1, pixel_bytes=100))

        assert owed(bench) == [("standby", State.WAITING)]

    run(tmp_path, scenario)


def test_a_fault_in_the_routes_holds_deliveries_and_refuses_nothing(tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("hilum.pipeline.planning.plan", broken)

    async def scenario(bench: Bench) -> None:
        bench.planner.change(routes({"name": "a", "to": ["pacs", "ai"]}))

        answer = await bench.bring(instance(seed=1, pixel_bytes=100))

        assert isinstance(answer, Kept)
        assert owed(bench) == [("pacs", State.HELD), ("ai", State.HELD)]

    run(tmp_path, scenario)


def test_what_waits_for_its_study_is_not_due(tmp_path):
    async def scenario(bench: Bench) -> None:
        bench.planner.change(routes({"name": "a", "to": ["pacs"], "on": "study"}))

        await bench.bring(instance(seed=1, pixel_bytes=100))

        [one] = bench.ledger.queue.find(Selection())
        assert one.due_at is None

    run(tmp_path, scenario)


def test_a_route_that_is_new_sees_what_was_not_scanned_for_it(tmp_path):
    async def scenario(bench: Bench) -> None:
        generated = instance(seed=1, pixel_bytes=100)
        reception, answer = bench.begin(generated)
        bench.planner.change(routes({"name": "a", "when": {"BitsStored": True}, "to": ["pacs"]}))
        buffer = Buffer(len(generated.data_set), None)
        buffer.view[:] = generated.data_set
        reception.take(buffer.view, buffer)
        reception.finish()
        await answer

        assert owed(bench) == [("pacs", State.WAITING)]

    run(tmp_path, scenario)
