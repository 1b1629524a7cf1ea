"""Explanations of files and of what is held: facts, routes, deliveries; advice on routes."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from intake_bench import Bench

from hilum.kernel.errors import CorruptPayload
from hilum.ledger.delivery import Selection
from hilum.ledger.entry import Origin
from hilum.pipeline.adviser import advise
from hilum.pipeline.circumstances import Circumstances, Place
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.explained import explanation_as_json
from hilum.pipeline.explanation import Explainer
from hilum.pipeline.progress import progress_of
from hilum.routing.facts import AssociationFacts
from hilum.routing.known import Known
from hilum.routing.routes import read_routes
from hilum.routing.settings import RouteSettings
from hilum.testing.datasets import instance, write_part10

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPERATOR = Origin("", "", "anna", "localhost", "", "")
AROUND = Circumstances(None, {"pacs": Place("dimse"), "ai": Place("dimse")})
CALLER = AssociationFacts(calling_ae_title="CT1", source="dimse")


def routes(*tables):
    settings = [RouteSettings.model_validate(table) for table in tables]
    read, faults = read_routes(settings, Known(), UTC)
    assert not faults.found
    return read


def advice_on_file(tmp_path, *tables):
    path = tmp_path / "file.dcm"
    write_part10(path, instance(seed=1))
    explainer = Explainer(routes(*tables), ledger=None, vault=tmp_path)
    return advise(explainer.of_file(path, CALLER, NOW), AROUND, now=NOW)


def test_a_file_that_goes_somewhere_needs_no_advice(tmp_path):
    assert advice_on_file(tmp_path, {"name": "all", "to": ["pacs"]}) == []


@pytest.mark.parametrize(
    ("tables", "cause", "remedy"),
    [
        ([], "no routes", "[[routes]]"),
        (
            [
                {"name": "far", "when": {"Modality": "MR", "peer": "x"}, "to": ["pacs"]},
                {"name": "near", "when": {"Modality": "CTT"}, "to": ["pacs"]},
            ],
            'nearest is near: Modality is CT, wanted "CTT"',
            "route near",
        ),
        (
            [
                {"name": "keep", "when": {"Modality": "CT"}, "stop": True},
                {"name": "all", "to": ["pacs"]},
            ],
            "route keep fired and stops the routes below it: all",
            "`stop`",
        ),
        (
            [{"name": "all", "to": ["pacs"], "enabled": False}],
            "all is switched off",
            "enabled = true in route all",
        ),
        ([{"name": "keep", "stop": True}], "route keep fired and sends nothing", "`to`"),
    ],
)
def test_what_goes_nowhere_says_which_route_keeps_it(tmp_path, tables, cause, remedy):
    (advice,) = advice_on_file(tmp_path, *tables)

    assert cause in advice.cause
    assert remedy in advice.remedy


def test_no_dicom_file_is_an_error(tmp_path):
    path = tmp_path / "file.dcm"
    path.write_bytes(b"nothing" * 100)

    with pytest.raises(CorruptPayload):
        Explainer(routes(), ledger=None, vault=tmp_path).of_file(path, CALLER, NOW)


@pytest.fixture
def bench(tmp_path):
    """Three instances of a study are held; the third has other routes than the first two."""
    bench = Bench(tmp_path, synced=False, policy=DuplicatePolicy.KEEP_BOTH)

    async def fill() -> None:
        bench.intake.start(asyncio.get_running_loop())
        bench.planner.change(routes({"name": "all", "to": ["pacs", "ai"]}))
        bench.planner.available = frozenset({"pacs", "ai"})
        for seed in (1, 2):
            await bench.bring(instance(seed=seed))
        bench.planner.change(routes({"name": "all", "to": ["pacs"]}))
        await bench.bring(instance(seed=3))
        await bench.intake.stop()

    asyncio.run(fill())
    yield bench
    bench.ledger.close()


def explained(bench, name):
    explainer = Explainer(
        routes({"name": "all", "to": ["pacs"]}), ledger=bench.ledger, vault=bench.root
    )
    return explainer.of_name(name, NOW)


STUDY = str(instance(seed=1).study_instance_uid)
FIRST = str(instance(seed=1).sop_instance_uid)


def test_a_study_is_counted_by_destination(bench):
    bench.ledger.queue.hold(
        Selection(destination="ai", sop_instance_uid=FIRST), reason="busy", by=OPERATOR, now=NOW
    )

    pacs, ai = progress_of(explained(bench, STUDY))

    assert (pacs.destination, pacs.planned, pacs.delivered, pacs.unplanned) == ("pacs", 3, 0, 0)
    assert (ai.planned, ai.unplanned) == (2, 1)
    assert {(one.state.value, one.reason, one.count) for one in ai.standing} == {
        ("held", "busy", 1),
        ("waiting", "", 1),
    }


def test_a_replay_counts_once(bench):
    bench.ledger.queue.drop(Selection(destination="ai"), reason="twice", by=OPERATOR, now=NOW)
    bench.ledger.queue.replay(Selection(destination="pacs"), to="ai", by=OPERATOR, now=NOW)

    _, ai = progress_of(explained(bench, STUDY))

    assert (ai.planned, ai.unplanned) == (3, 0)
    assert [one.state.value for one in ai.standing] == ["waiting"]


@pytest.mark.parametrize("level", ["instance", "series", "study", "accession"])
def test_every_name_finds_its_instances(bench, level):
    one = instance(seed=1)
    name = {
        "instance": one.sop_instance_uid,
        "series": one.series_instance_uid,
        "study": one.study_instance_uid,
        "accession": "A000000000",
    }[level]

    found = explained(bench, str(name))

    assert len(found.held) == (1 if level == "instance" else 3)
    assert found.association.calling_ae_title == "CT1"


def test_json_has_what_the_terminal_has(bench):
    found = explained(bench, FIRST)

    given = explanation_as_json(found, advise(found, AROUND, now=NOW + timedelta(days=1)))

    assert given["instances"] == 1
    assert given["goes_to"] == ["pacs"]
    assert [one["destination"] for one in given["destinations"]] == ["pacs", "ai"]
    assert given["deliveries"][0]["state"] == "waiting"
    assert given["routes"][0]["verdict"] == "fired"


def payload(bench) -> Path:
    return bench.root / bench.ledger.lookup.held(FIRST)[0].path


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


def shorten(path: Path) -> None:
    os.truncate(path, 200)


@pytest.mark.parametrize("damage", [lose, cut, shorten])
def test_a_damaged_payload_comes_first(bench, damage):
    damage(payload(bench))

    found = explained(bench, FIRST)

    advice = advise(found, AROUND, now=NOW)[0]
    assert "payload cannot be read" in advice.cause
    assert "backup" in advice.remedy


def test_what_no_route_was_there_for_can_be_sent_again(bench):
    explainer = Explainer(
        routes({"name": "new", "to": ["pacs"]}), ledger=bench.ledger, vault=bench.root
    )
    found = explainer.of_name(FIRST, NOW)
    found.deliveries = ()

    (advice,) = advise(found, AROUND, now=NOW)

    assert "by the routes of now it goes to pacs" in advice.cause
    assert "send it again" in advice.remedy
