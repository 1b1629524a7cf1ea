"""`hilum demo`: its parts, and the whole of it once."""

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import psutil
import pytest
from xxhash import xxh3_128

from hilum.cli.app import run
from hilum.cli.demonstration.arrivals import Arrivals
from hilum.cli.demonstration.gateway import Gateway, Log
from hilum.cli.demonstration.home import settle
from hilum.cli.demonstration.modality import Notes
from hilum.cli.demonstration.play import _addresses, _next
from hilum.cli.demonstration.proof import prove
from hilum.cli.demonstration.scene import Scene
from hilum.cli.demonstration.stage import Stage, Terminal
from hilum.cli.demonstration.studies import MORNING, NIGHT, Series, generate
from hilum.cli.sending.collect import Collector
from hilum.cli.sending.item import Item, Origin
from hilum.dicom.part10 import file_meta
from hilum.kernel.errors import Misconfigured
from hilum.kernel.names import UID
from hilum.ledger.ledger import Ledger
from hilum.pipeline.recovery import rebuild
from hilum.service.clock import SystemClock
from hilum.service.config import Config, load
from hilum.testing.datasets import CT, EXPLICIT_VR_LITTLE_ENDIAN, instance
from hilum.vault.layout import day_of, path_of
from hilum.vault.seal import SEAL_CREATOR_UID, Seal, encode

SMALL = Series(7, 0, "CT", CT, EXPLICIT_VR_LITTLE_ENDIAN, 3, 128)


def stage(*, width: int = 80, encoding: str = "utf-8") -> tuple[Stage, io.TextIOWrapper]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Stage(Terminal(file=stream, width=width, highlight=False)), stream


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding)


# The home.


def test_the_gateway_has_the_defaults_but_for_places(tmp_path):
    home = settle(tmp_path / "new", stays=False)
    home.write_config(archive_port=4002, dimse_port=4000, web_port=4001)

    config, default = load(home.config, {}), Config()

    assert (config.sources.dimse.host, config.sources.dimse.port) == ("127.0.0.1", 4000)
    assert config.sources.web.port == 4001
    assert config.destinations["pacs"].port == 4002
    assert config.gateway == default.gateway.model_copy(update={"data": home.data.root})
    assert config.sources.dimse.limits == default.sources.dimse.limits


def test_a_folder_with_something_in_it_is_nobodys_stage(tmp_path, capsys):
    (tmp_path / "mine").write_text("precious", encoding="utf-8")

    with pytest.raises(Misconfigured, match="something in it"):
        settle(tmp_path, stays=True)
    assert run(["demo", "--data", str(tmp_path)]) == 2
    assert "something in it" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "precious"


# The studies.


def test_what_is_generated_can_be_sent_and_is_known(tmp_path):
    known = generate([SMALL], tmp_path)

    found = list(Collector().collect([str(tmp_path)]))
    assert all(isinstance(one, Item) for one in found)
    assert {one.sop_instance_uid: one.length for one in found} == {
        uid: one.size for uid, one in known.items()
    }
    assert known.keys() == {
        instance(seed=seed, study=7, pixel_bytes=128).sop_instance_uid for seed in range(3)
    }


def test_no_two_series_share_a_uid():
    shown = [(one.study, one.number) for one in (*MORNING, *NIGHT)]

    assert len(set(shown)) == len(shown)
    assert len({one.modality for one in MORNING}) > 2


# The modality.


def test_notes_are_taken_of_what_was_answered_only():
    counted = []
    notes = Notes(counted.append)
    item = Item(CT, UID("1.2"), EXPLICIT_VR_LITTLE_ENDIAN, Origin("/a"), 0, 8, 0)

    notes.confirm(item, 0)
    notes.fail(replace(item, sop_instance_uid=UID("1.3")), "no")

    assert notes.acknowledged == ["1.2"]
    assert notes.sent == 1
    assert counted == [1]


# The table.


class FakeLedger:
    """What of a ledger a look asks for."""

    def __init__(self, *uids):
        self.uids = list(uids)

    def payloads(self):
        for uid in self.uids:
            yield f"somewhere/{uid}", b"", 1000, uid


def test_the_table_shows_what_the_ledger_has_of_what_is_expected(tmp_path):
    known = generate([SMALL], tmp_path)
    arrivals = Arrivals([SMALL], known)
    ledger = FakeLedger(*list(known)[:2], "1.2.3")
    shown, stream = stage()

    arrivals.look(ledger, 10.0)
    ledger.uids += list(known)[2:]
    arrivals.look(ledger, 12.0)
    asyncio.run(shown.beside(asyncio.sleep(0), lambda: None, arrivals.table))

    assert arrivals.instances[SMALL] == 3
    assert re.search(r"A000000007 +1 CT +━+ +3 of 3 +3 kB +2.00 s\n", written(stream))


# The proof.


def kept(root, made, received_at):
    """Write a payload file as the gateway does; give its path."""
    digest = xxh3_128(made.data_set).hexdigest()
    seal = Seal(digest, len(made.data_set), received_at.isoformat(), "CT1", "HILUM", *[""] * 4)
    head = file_meta(
        sop_class_uid=made.sop_class_uid,
        sop_instance_uid=made.sop_instance_uid,
        transfer_syntax_uid=made.transfer_syntax_uid,
        private_creator_uid=SEAL_CREATOR_UID,
        private_information=encode(seal),
    )
    path = root / path_of(
        day=day_of(received_at),
        study=made.study_instance_uid,
        series=made.series_instance_uid,
        instance=made.sop_instance_uid,
        digest_hex=digest,
        serial="1",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + made.data_set)
    return path


@pytest.fixture
def archive(tmp_path):
    """Three instances that were sent, of which a ledger and a vault hold the first two."""
    home = settle(tmp_path / "home", stays=False)
    known = generate([SMALL], tmp_path / "sent")
    made = [instance(seed=seed, study=7, pixel_bytes=128) for seed in range(3)]
    home.data.root.mkdir()
    now = datetime(2026, 5, 4, tzinfo=UTC)
    paths = [kept(home.data.vault, one, now) for one in made[:2]]
    ledger = Ledger.open(home.data.ledger, durability="process")
    rebuild(home.data.vault, ledger)
    ledger.close()
    return home.data, known, [one.sop_instance_uid for one in made], paths


def test_what_was_acknowledged_and_is_there_is_proven(archive):
    folder, known, uids, _ = archive

    proof = prove(folder, uids[:2], known)

    assert proof.holds
    assert str(proof) == "2 of 2 acknowledged instances are there"
    assert proof.unanswered == 0


def test_what_is_there_without_having_been_acknowledged_is_told_apart(archive):
    folder, known, uids, _ = archive

    proof = prove(folder, uids[:1], known)

    assert str(proof) == "1 of 1 acknowledged instances are there"
    assert proof.unanswered == 1


def test_an_instance_that_was_acknowledged_and_is_not_held_breaks_the_proof(archive):
    folder, known, uids, _ = archive

    proof = prove(folder, uids, known)

    assert not proof.holds
    assert str(proof) == "2 of 3 acknowledged instances are there"
    assert proof.wrong == (f"{uids[2]} is not in the ledger",)


def test_one_wrong_byte_in_the_vault_breaks_the_proof(archive):
    folder, known, uids, paths = archive
    whole = paths[0].read_bytes()
    paths[0].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    (fault,) = prove(folder, uids[:2], known).wrong

    assert fault.startswith(f"{uids[0]} cannot be read from the vault")


def test_a_payload_that_is_gone_breaks_the_proof(archive):
    folder, known, uids, paths = archive
    paths[1].unlink()

    assert not prove(folder, uids[:2], known).holds


def test_other_bytes_than_were_sent_break_the_proof(archive):
    folder, known, uids, _ = archive
    known[uids[0]] = replace(known[uids[0]], digest=bytes(32))

    (fault,) = prove(folder, uids[:2], known).wrong

    assert fault == f"{uids[0]} has another digest in the ledger"


# The words.


def test_no_line_is_too_long_or_ends_in_blanks():
    shown, stream = stage(width=60)
    shown.title("Title", "a line that says where it is and what it shows, in more than sixty")
    shown.act("An act with a heading that is so long that it needs another line")
    shown.done("a result that is told in more words than can be on one line of sixty")
    shown.quote("the log", "it says why at some length. Remedy: and what to do about it then")
    shown.finale("2 of 2", "all there")
    shown.rows("Next", [("a", "one"), ("bb", "another that is longer than the line is, by far")])

    lines = written(stream).splitlines()
    assert max(len(line) for line in lines) <= 60
    assert all(line == line.rstrip() for line in lines)


def test_a_command_is_one_that_can_be_copied():
    shown, stream = stage(width=40)

    shown.command("hilum send A@127.0.0.1:11112 a-folder-with-a-name", "  --resume j")

    assert written(stream) == (
        "   $ hilum send A@127.0.0.1:11112 a-folder-with-a-name \\\n       --resume j\n"
    )


def test_a_terminal_that_knows_only_ascii_gets_ascii():
    shown, stream = stage(encoding="ascii")

    shown.done("well")
    shown.wrong("not so")
    shown.finale("a", "b")

    assert "ok well" in written(stream)


def test_a_reader_who_left_is_told_to_whoever_runs_commands():
    class Left(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Stage(Terminal(file=Left())).act("anything")


def test_work_that_fails_beside_a_table_fails_with_its_own_error():
    async def fail():
        raise Misconfigured("so")

    shown, _ = stage()
    with pytest.raises(Misconfigured, match="so"):
        asyncio.run(shown.beside(fail(), lambda: None, lambda: ""))


def test_a_look_that_fails_ends_the_work():
    async def main():
        ended = asyncio.Event()

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        shown, _ = stage()
        with pytest.raises(Misconfigured):
            await shown.beside(work(), look, lambda: "")
        return ended.is_set()

    def look():
        raise Misconfigured("the ledger cannot be read")

    assert asyncio.run(main())


def test_what_comes_next_fits_what_was_asked_for(tmp_path):
    def told(*, stays, keeps):
        scene = Scene(settle(tmp_path / f"{stays}", stays=stays), stage()[0], SystemClock())
        return " ".join(name for name, _ in _next(scene, keeps=keeps))

    assert "demo --keep" in told(stays=False, keeps=False)
    assert "demo --keep" not in told(stays=False, keeps=True)
    assert "serve -c" in told(stays=True, keeps=True)


def test_whoever_keeps_the_gateway_is_told_where_it_is(tmp_path):
    scene = Scene(settle(tmp_path / "home", stays=False), stage()[0], SystemClock())
    gateway = Gateway(process=None, log=Log(), began=0.0, dimse_port=5000, web_port=5001)

    told = dict(_addresses(scene, gateway))

    assert told["DICOM"] == "HILUM@127.0.0.1:5000"
    assert told["HTTP"].startswith("http://127.0.0.1:5001/")


# The real thing.


def command(tmp_path):
    return {
        "args": [sys.executable, "-m", "hilum", "demo"],
        "env": {**os.environ, "TMPDIR": str(tmp_path)},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }


@pytest.mark.slow
def test_the_demonstration_shows_that_the_promise_is_kept_and_leaves_nothing_behind(tmp_path):
    done = subprocess.run(**command(tmp_path), timeout=55, check=False)

    assert done.stderr == ""
    assert done.returncode == 0
    total = sum(series.instances for series in (*MORNING, *NIGHT))
    assert f"{total} of {total} acknowledged instances are there" in done.stdout
    assert "Remedy:" in done.stdout
    assert "killed after" in done.stdout
    assert "256 instances wait for it" in done.stdout
    assert f"it has all {total} after" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_demonstration_that_is_ended_ends_its_gateway_and_leaves_nothing_behind(tmp_path):
    with subprocess.Popen(**command(tmp_path)) as process:
        for line in process.stdout:
            if "C-STORE" in line:
                break
        gateway = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)

    assert process.returncode == 128 + signal.SIGTERM
    assert "the gateway was stopped" in said
    assert len(gateway) == 1
    assert not gateway[0].is_running()
    assert list(tmp_path.iterdir()) == []
