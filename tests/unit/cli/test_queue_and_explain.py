"""`hilum queue`, `explain` and `routes` on a gateway's folder: what a person reads and types."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from intake_bench import Bench

from hilum.cli.app import run
from hilum.cli.queueing.explaining import brought_by
from hilum.kernel.outcome import Deferred, Failing, Refused
from hilum.ledger.delivery import Selection, Settlement, State
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.routing.facts import AssociationFacts
from hilum.routing.known import Known
from hilum.routing.routes import read_routes
from hilum.routing.settings import RouteSettings
from hilum.testing.datasets import instance, write_part10

CONFIG = """
[gateway]
data = "{data}"

[destinations.pacs]
type = "dimse"
host = "10.1.2.9"
ae_title = "PACS"

[destinations.ai]
type = "folder"
path = "{data}"

[[routes]]
name = "ct"
when = {{ Modality = "CT" }}
to = ["pacs", "ai"]
"""
ONE = instance(seed=1)
STUDY, FIRST = str(ONE.study_instance_uid), str(ONE.sop_instance_uid)


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    """Two instances are held: pacs does not answer and refused one; ai has its turn to come."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    config = tmp_path / "hilum.toml"
    config.write_text(CONFIG.format(data=tmp_path))
    bench = Bench(tmp_path, synced=False, policy=DuplicatePolicy.KEEP_BOTH)
    table = {"name": "ct", "when": {"Modality": "CT"}, "to": ["pacs", "ai"]}
    routes, _ = read_routes([RouteSettings.model_validate(table)], Known(), UTC)

    async def fill() -> None:
        bench.intake.start(asyncio.get_running_loop())
        bench.planner.change(routes)
        for seed in (1, 2):
            await bench.bring(instance(seed=seed))
        await bench.intake.stop()

    asyncio.run(fill())
    now = datetime.now(UTC)
    first, second = bench.ledger.deliveries.claim(
        "pacs", owner="w", limit=2, bytes_max=10**9, now=now, leased_until=now
    )
    outcomes = (
        (first, Deferred("PACS (10.1.2.9:104): cannot connect", failing=Failing.UNREACHABLE)),
        (second, Refused("PACS answered: Cannot Understand (0xC000)", 0xC000)),
    )
    settled = [
        Settlement(one.delivery_id, "w", said, now + timedelta(minutes=5)) for one, said in outcomes
    ]
    bench.ledger.deliveries.settle(settled, now=now)
    yield bench.ledger
    bench.ledger.close()


def said(capsys, *words):
    code = run([*words])
    return code, capsys.readouterr().out


def states(ledger, destination):
    return [one.state for one in ledger.queue.find(Selection(destination=destination))]


@pytest.mark.usefixtures("gateway")
def test_the_overview_fits_a_terminal_and_names_reasons_and_remedies(capsys):
    code, out = said(capsys, "queue")

    assert code == 0
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "1 deferred: PACS (10.1.2.9:104): cannot connect" in out
    assert "1 refused: PACS answered: Cannot Understand (0xC000)" in out
    assert "its log says to what" in " ".join(out.split())


@pytest.mark.usefixtures("gateway")
def test_after_a_retry_the_last_failure_is_told_and_that_a_person_asked(capsys):
    said(capsys, "queue", "retry", "--all")

    _, out = said(capsys, "queue")

    told = " ".join(out.split())
    assert "1 waiting: a person asked to try it again; at last: PACS (10.1.2.9:104): can" in told
    assert "1 waiting: a person asked to try it again; at last: PACS answered: Cannot Un" in told
    assert "its log says to what" in told


@pytest.mark.usefixtures("gateway")
def test_a_gateway_that_is_older_than_the_command_keeps_its_ledger(monkeypatch, capsys):
    monkeypatch.setattr("hilum.cli.queueing.opening.older_revision", lambda _: "0002")
    monkeypatch.setattr("hilum.cli.queueing.opening.is_occupied", lambda _: True)

    assert run(["queue", "list"]) == 1

    assert "restart the gateway first" in capsys.readouterr().err


@pytest.mark.usefixtures("gateway")
def test_the_overview_says_when_no_gateway_runs(capsys):
    _, out = said(capsys, "queue")

    assert "not running" in out


@pytest.mark.usefixtures("gateway")
def test_programs_get_numbers(capsys):
    _, out = said(capsys, "queue", "--json")

    pacs, ai = json.loads(out)
    assert (pacs["destination"], pacs["deferred"], pacs["refused"]) == ("pacs", 1, 1)
    assert (ai["waiting"], ai["type"]) == (2, "folder")


@pytest.mark.usefixtures("gateway")
def test_a_list_shows_each_delivery_with_its_reason(capsys):
    _, out = said(capsys, "queue", "list", "--destination", "pacs")

    assert "deferred · pacs · routine" in out
    assert "next in 5 min" in out
    assert "Cannot Understand" in out


@pytest.mark.parametrize(
    ("words", "after"),
    [
        (["retry", "--destination", "pacs"], [State.WAITING, State.WAITING]),
        (["retry", "--id", "1"], [State.WAITING, State.REFUSED]),
        (["retry", "--destination", "pacs", "--state", "refused"], [State.DEFERRED, State.WAITING]),
        (["hold", "PACS moves", "--all"], [State.HELD, State.REFUSED]),
        (["drop", "twice", "--study", STUDY], [State.DROPPED, State.DROPPED]),
    ],
)
def test_a_person_decides(gateway, capsys, words, after):
    code, _ = said(capsys, "queue", *words)

    assert code == 0
    assert states(gateway, "pacs") == after


def test_what_is_held_is_released(gateway, capsys):
    said(capsys, "queue", "hold", "x", "--destination", "ai")
    _, out = said(capsys, "queue", "release", "--destination", "ai")

    assert out == "2 deliveries released.\n"
    assert states(gateway, "ai") == [State.WAITING, State.WAITING]


@pytest.mark.usefixtures("gateway")
def test_what_was_given_up_is_replayed(capsys):
    said(capsys, "queue", "drop", "x", "--destination", "ai")
    _, out = said(capsys, "queue", "replay", "--destination", "pacs", "--to", "ai")

    assert out == "2 deliveries planned for ai.\n"


@pytest.mark.parametrize(
    "words",
    [
        ["retry"],
        ["drop", " ", "--all"],
        ["replay", "--all", "--to", "nowhere"],
        ["hold", "x", "--older-than", "soon"],
    ],
)
def test_what_is_not_meant_is_not_done(gateway, capsys, words):
    before = states(gateway, "pacs")

    code, _ = said(capsys, "queue", *words)

    assert code == 1
    assert states(gateway, "pacs") == before


@pytest.mark.usefixtures("gateway")
def test_an_explanation_begins_with_what_helps(capsys):
    code, out = said(capsys, "explain", STUDY)

    lines = [line for line in out.splitlines() if line.strip()]
    assert code == 1
    assert lines[0].startswith("The gateway is not running")
    assert "pacs: 0 of 2 instances delivered" in out
    assert '✓ Modality = "CT"' in out
    assert max(map(len, lines)) <= 80


@pytest.mark.usefixtures("gateway")
def test_an_explanation_of_one_instance_has_its_failed_tries(capsys):
    _, out = said(capsys, "explain", FIRST)

    assert "failed tries" in out
    assert "received" in out


@pytest.mark.usefixtures("gateway")
def test_programs_get_an_explanation(capsys):
    code, out = said(capsys, "explain", FIRST, "--json")

    assert code == 1
    assert json.loads(out)["goes_to"] == ["pacs", "ai"]


@pytest.mark.usefixtures("gateway")
def test_a_file_is_explained_as_if_it_came(capsys, tmp_path):
    path = tmp_path / "new.dcm"
    write_part10(path, instance(seed=9))

    code, out = said(capsys, "explain", str(path), "--calling", "CT1")

    assert (code, "goes to: pacs, ai" in out) == (0, True)


@pytest.mark.usefixtures("gateway")
def test_routes_are_tried_on_files_against_those_in_use(capsys, tmp_path):
    path, new = tmp_path / "new.dcm", tmp_path / "new.toml"
    write_part10(path, instance(seed=9))
    new.write_text((tmp_path / "hilum.toml").read_text().replace('"pacs", "ai"', '"ai"'))
    changed = ["routes", "test", str(path), "--config", str(new), "--against", "hilum.toml"]

    code, out = said(capsys, *changed)

    assert (code, "- pacs" in out) == (1, True)
    assert json.loads(said(capsys, *changed, "--json")[1])["files"][0]["lost"] == ["pacs"]


@pytest.mark.usefixtures("gateway")
def test_routes_that_change_nothing_end_with_0(capsys, tmp_path):
    path = tmp_path / "new.dcm"
    write_part10(path, instance(seed=9))

    code, out = said(capsys, "routes", "test", str(path))

    assert (code, "goes to ai, pacs" in out) == (0, True)


@pytest.mark.usefixtures("gateway")
def test_what_is_no_dicom_file_is_named(capsys, tmp_path):
    (tmp_path / "new.dcm").write_bytes(b"no")

    code, out = said(capsys, "routes", "test", "new.dcm")

    assert (code, "new.dcm: " in out) == (1, True)


@pytest.mark.parametrize("name", ["missing.dcm", "some/where", "."])
@pytest.mark.usefixtures("gateway")
def test_a_file_that_is_not_there_is_said_so(capsys, name):
    assert run(["explain", name]) == 1
    assert f"there is no file {name}" in capsys.readouterr().err


@pytest.mark.usefixtures("gateway")
def test_what_has_no_accession_number_is_not_explained_to_who_names_nothing(capsys):
    assert run(["explain", ""]) == 1
    assert "a name is needed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["1.2.3.4", "A123"])
@pytest.mark.usefixtures("gateway")
def test_a_name_of_which_nothing_came_is_asked_about(capsys, name):
    assert run(["explain", name]) == 1
    assert "never received" in " ".join(capsys.readouterr().out.split())


def test_without_a_ledger_it_is_said_where_it_was_looked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert run(["queue"]) == 1
    assert "there is no ledger at" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("who", "told"),
    [
        (
            AssociationFacts("CT1", "HILUM", "ct1", "10.1.2.3", source="dimse"),
            "from CT1 at 10.1.2.3, peer ct1, called us HILUM",
        ),
        (
            AssociationFacts(called_ae_title="HILUM", peer="pacs", source="fetch"),
            "fetched from pacs",
        ),
        (
            AssociationFacts(called_ae_title="HILUM", peer="viewer", host="10.1.2.3", source="web"),
            "stored over HTTP by viewer at 10.1.2.3",
        ),
        (
            AssociationFacts(source="web"),
            "stored over HTTP by somebody without a key at this machine",
        ),
        (AssociationFacts(), ""),
    ],
)
def test_who_brought_it_is_said_as_it_came(who, told):
    """Nobody at this machine brings what we fetch ourselves."""
    assert brought_by(who) == told
