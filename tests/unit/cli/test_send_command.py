"""`hilum send` as it is typed, against a peer in a thread; what people and programs get to read."""

import io
import json
import os
import signal
import zipfile

import pytest
from tls_files import make_tls_files

from hilum.cli.app import run
from hilum.testing.datasets import instance, write_part10
from hilum.testing.peer import ScriptedPeer


@pytest.fixture
def peer():
    with ScriptedPeer().in_a_thread() as listening:
        yield listening


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    for number in range(5):
        write_part10(folder / f"{number}.dcm", instance(seed=number, pixel_bytes=2))
    return folder


def target(peer, title="PEER"):
    return f"{title}@{peer.host}:{peer.port}"


def hilum(*arguments):
    return run([str(argument) for argument in arguments])


def test_a_folder_is_sent_and_summed_up(peer, files, capsys):
    code = hilum("send", target(peer), files)

    said = capsys.readouterr()
    assert code == 0
    assert said.out.startswith(f"5 of 5 instances sent to PEER (127.0.0.1:{peer.port}): ")
    assert "5  Success (0x0000)" in said.out
    assert len(peer.stored) == 5


def test_dcmtk_s_way_to_say_it_is_understood(peer, files):
    code = hilum(
        "send", "-v", "-d", "-aet", "ME", "-aec", "YOU", "-to", 5, "-ta", 5, "-td", 5,
        "-pdu", 16384, peer.host, peer.port, "+sd", "+r", files,
    )  # fmt: skip

    assert code == 0
    (request,) = peer.requests
    assert (request.calling_ae_title, request.called_ae_title) == ("ME", "YOU")
    assert request.user_information.maximum_length == 16384


def test_paths_come_from_standard_input(peer, files, monkeypatch):
    for separator in ("\n", "\0"):
        listed = separator.join([f"{files}/1.dcm", "", f"{files}/2.dcm", ""]).encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed)))

        assert hilum("send", target(peer), "-") == 0

    assert len(peer.stored) == 2 + 2


def test_a_name_that_is_no_text_is_sent_and_shown_without_harm(peer, files, capsys):
    (files / "1.dcm").rename(files / os.fsdecode(b"\xff\x1b[31m"))
    peer.on_store = lambda _: 0xC000

    assert hilum("send", target(peer), files) == 1
    assert "/\\udcff\\x1b[31m" in capsys.readouterr().out
    assert len(peer.stored) == 5


def test_paths_come_from_a_list(peer, files, tmp_path):
    (tmp_path / "list").write_text(f"{files}/1.dcm\n{files}/*4.dcm\n")

    assert hilum("send", target(peer), "--from-list", tmp_path / "list") == 0
    assert len(peer.stored) == 2


def test_json_is_one_object_with_every_failure(peer, files, capsys):
    (files / "broken.dcm").write_bytes((files / "1.dcm").read_bytes()[:-1])
    (files / "README").write_text("hello")
    peer.on_store = lambda stored: 0xC001 if stored.number == 0 else 0

    code = hilum("send", target(peer), files, "--json")

    said = json.loads(capsys.readouterr().out)
    assert code == 1
    assert (said["instances"], said["sent"], said["failed"]) == (5, 4, 1)
    assert said["statuses"]["0x0000"]["count"] == 4
    assert said["failures"][0]["file"] == f"{files}/0.dcm"
    assert said["failures"][0]["status"] == "0xC001"
    assert said["bad_files"][0]["file"] == f"{files}/broken.dcm"
    assert said["skipped"] == [{"file": f"{files}/README", "reason": "not DICOM"}]


def test_a_resumed_run_sends_only_the_rest(peer, files, tmp_path, capsys):
    peer.on_store = lambda stored: 0 if stored.number < 3 else 0xC000
    first = hilum("send", target(peer), files, "--resume", tmp_path / "j")
    peer.on_store = lambda _: 0
    second = hilum("send", target(peer), files, "--resume", tmp_path / "j")
    third = hilum("send", target(peer), files, "--resume", tmp_path / "j")

    assert (first, second, third) == (1, 0, 0)
    assert len(peer.stored) == 5 + 2
    assert "5 were confirmed before (journal)" in capsys.readouterr().out


def test_a_zip_is_sent(peer, files, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        for file in files.iterdir():
            made.write(file, file.name)

    assert hilum("send", target(peer), tmp_path / "a.zip", "--associations", 2) == 0
    assert len(peer.stored) == 5


def test_a_rate_limit_is_kept(peer, files):
    size = sum(file.stat().st_size for file in files.iterdir())

    assert hilum("send", target(peer), files, "--rate", f"{size * 4}") == 0


def test_damaged_files_are_sent_on_request_only(peer, files):
    (files / "1.dcm").write_bytes((files / "1.dcm").read_bytes()[:-2])

    assert hilum("send", target(peer), files) == 1
    assert hilum("send", target(peer), files, "--damaged") == 0
    assert len(peer.stored) == 4 + 5


def test_nothing_to_send_is_not_success(peer, tmp_path, capsys):
    assert hilum("send", target(peer), tmp_path) == 2
    assert "nothing to send" in capsys.readouterr().out
    assert peer.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense", "x"], "AET@host:port"),
        (["h:1", "--tpyo"], "there is no option --tpyo"),
        (["h:1", "x", "--associations", "0"], "--associations 0: give 1 to 64"),
        (["h:1", "x", "--retries", "-1"], "--retries -1"),
        (["h:1", "x", "--rate", "fast"], "rate 'fast'"),
        (["h:1", "x", "-aet", "ARCHIVE_SERVER_01"], "-aet: 'ARCHIVE_SERVER_01' has 17"),
        (["h:1", "x", "-pdu", "1"], "-pdu 1: give at least 4096"),
        (["h:1", "x", "-to", "0"], "a timeout of 0 s"),
        (["h:1", "x", "--ca", "/no/ca.pem"], "the TLS authority /no/ca.pem cannot be used"),
        (["h:1", "--from-list", "/no/list"], "--from-list /no/list: No such file"),
    ],
)
def test_what_makes_no_sense_is_said_with_what_would(arguments, said, capsys):
    assert hilum("send", *arguments) == 2
    assert said in capsys.readouterr().err


def test_ctrl_c_finishes_what_is_on_the_way_and_leaves_a_journal_and_a_summary(
    peer, files, tmp_path, capsys
):
    def on_store(stored):
        if stored.number == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return 0

    peer.on_store = on_store

    code = hilum("send", target(peer), files, "--resume", tmp_path / "j", "--rate", "5kB")

    said = capsys.readouterr()
    assert code == 1
    assert "instances failed: not sent: interrupted" in said.out
    assert "once more to stop at once" in said.err
    assert len((tmp_path / "j").read_bytes().splitlines()) == 1 + len(peer.stored)


def test_an_instance_goes_out_over_tls(files, tmp_path):
    hospital = make_tls_files(tmp_path / "tls", "hospital")
    with ScriptedPeer().in_a_thread(hospital.server()) as peer:
        code = hilum("send", target(peer), files, "--ca", hospital.ca)

    assert code == 0
    assert len(peer.stored) == 5
