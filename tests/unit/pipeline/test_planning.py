"""What an instance is owed: planned in the transaction of its receipt, whatever goes wrong."""

import asyncio
from datetime import UTC

import pytest
from intake_bench import Bench

from hilum.ledger.delivery import Selection, State
from hilum.pipeline.answers import Kept
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


@pytest.mark.parametrize("pixel_bytes", [100, 3_000_000])
def test_a_condition_inside_a_sequence_is_read_from_the_payload(tmp_path, pixel_bytes):
    path = "ProcedureCodeSequence.CodeValue"

    async def scenario(bench: Bench) -> None:
        bench.planner.change(
            routes(
                {"name": "with", "when": {path: True}, "to": ["with"]},
                {"name": "without", "when": {path: False}, "to": ["without"]},
            )
        )
        await bench.bring(instance(seed=1, pixel_bytes=pixel_bytes))

        assert len(owed(bench)) == 1

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
