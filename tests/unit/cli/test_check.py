import json
import os
from pathlib import Path

import pytest

from hilum.cli.app import run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HILUM_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("hilum.service.config.FILES", (Path("hilum.toml"),))
    return tmp_path


def write(folder, text, name="hilum.toml"):
    (folder / name).write_text(text)


def test_an_error_is_shown_with_its_line_and_its_remedy(folder, capsys):
    write(folder, '[gateway]\nae_titel = "CLINIC"\n\n[peers.ct1]\nae_title = "ARCHIVE_SERVER_01"\n')

    assert run(["check"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "error: gateway.ae_titel\n"
        "  hilum.toml:2:1\n"
        '  2 │ ae_titel = "CLINIC"\n'
        "    │ ^^^^^^^^\n"
        "  There is no setting ae_titel in [gateway].\n"
        "  Did you mean ae_title?\n"
        "\n"
        "error: peers.ct1.ae_title\n"
        "  hilum.toml:5:12\n"
        '  5 │ ae_title = "ARCHIVE_SERVER_01"\n'
        "    │            ^^^^^^^^^^^^^^^^^^^\n"
        "  'ARCHIVE_SERVER_01' has 17 characters; an AE title has at most 16 (PS3.5\n"
        "  §6.2).\n"
        "\n"
        "2 errors.\n"
    )


def test_what_is_wrong_in_the_environment_is_shown_with_the_variable(monkeypatch, capsys):
    monkeypatch.setenv("HILUM__GATEWAY__WORKERS", "many")

    assert run(["check"]) == 2

    assert capsys.readouterr().err == (
        "error: gateway.workers\n"
        "  HILUM__GATEWAY__WORKERS\n"
        '  Found the text "many", expected a whole number from 1 to 64.\n'
        "\n"
        "1 error.\n"
    )


def test_a_file_that_is_not_toml_is_an_error_like_any_other(folder, capsys):
    write(folder, '[gateway]\nae_title = "CLINIC\n')

    assert run(["check", "--config", "hilum.toml"]) == 2

    err = capsys.readouterr().err
    assert err.startswith('error: hilum.toml:2:19\n  2 │ ae_title = "CLINIC\n')
    assert "A text is not closed on its line." in err


def test_a_file_that_is_asked_for_must_exist(capsys):
    assert run(["check", "-c", "nowhere.toml"]) == 2

    assert capsys.readouterr().err.startswith("error: nowhere.toml\n  There is no such file.\n")


def test_a_tab_does_not_move_the_marks(folder, capsys):
    write(folder, '[gateway]\n\tworkers =\t"x"\n')

    run(["check"])

    assert '  2 │  workers = "x"\n    │            ^^^\n' in capsys.readouterr().err


def test_when_nothing_is_wrong_it_says_what_the_gateway_will_do(folder, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")  # the folder of a test has a long name
    write(
        folder,
        """
        [gateway]
        ae_title = "CLINIC"
        data = "kept"
        workers = 2
        durability = "process"
        unknown_callers = "refuse"

        [sources.dimse]
        called_ae_titles = ["STORE"]

        [peers.ct-of-room-4]
        ae_title = "CT4"
        host = ["10.1.2.3", "10.1.3.0/24"]

        [peers.mr]
        ae_title = "MR_OF_ROOM_12"
        may = ["echo"]
        """,
    )

    assert run(["check"]) == 0

    out, err = capsys.readouterr()
    assert err == ""
    assert out.replace(str(folder), "FOLDER") == (
        "hilum.toml can be used.\n"
        "  is called       CLINIC, STORE\n"
        "  listens on      0.0.0.0:11112   DICOM\n"
        "                  127.0.0.1:8080  HTTP: DICOMweb, API, health and metrics\n"
        "  lets in         ct-of-room-4  CT4            echo, store  from 10.1.2.3, 10.1.3.0/24\n"
        "                  mr            MR_OF_ROOM_12  echo         from anywhere\n"
        "                  nobody else\n"
        "  keeps it in     FOLDER/kept  (to be made)\n"
        "  says success    when an instance is written: it survives our end, not a power cut "
        "(durability = process)\n"
        "  same UID twice  both are kept, the newest is served (duplicates = keep_both)\n"
        "  leaves free     1 GB, or 5 % of the disk if that is less\n"
        "  lets go         nothing: what was received stays until somebody removes it\n"
        "  runs as         2 processes\n"
    )


def test_folders_are_told_with_how_they_are(folder, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    (folder / "out").mkdir()
    monkeypatch.setattr("hilum.cli.summary.free_bytes", {folder / "out": 2_500_000_000}.get)
    write(
        folder,
        """
        [sources.folder.scans]
        path = "scans"
        after = "move"
        done = "done"

        [destinations.out]
        type = "folder"
        path = "out"
        """,
    )
    monkeypatch.setattr(os, "access", lambda path, _: path != folder / "out")

    assert run(["check"]) == 0

    out = capsys.readouterr().out.replace(str(folder), "FOLDER")
    assert (
        "takes from      scans  FOLDER/scans  files are moved to FOLDER/done (missing now)\n" in out
    )
    assert "sends to        out  folder  FOLDER/out (2.5 GB free)\n" in out
    assert "'FOLDER/scans' is missing: nothing is taken from it until it is there" in out
    assert "'FOLDER/out' may not be read and written by the user who runs this" in out


def test_without_a_file_it_says_so_and_shows_the_defaults(capsys):
    assert run(["check"]) == 0

    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("There is no configuration file ($HILUM_CONFIG, hilum.toml")
    assert first.endswith("); these are the defaults.")


def test_a_warning_does_not_make_a_configuration_wrong(folder, capsys):
    write(folder, '[gateway]\nunknown_callers = "accept"\n')

    assert run(["check"]) == 0

    out = capsys.readouterr().out
    assert "warning: gateway.unknown_callers\n  hilum.toml:2:19\n" in out
    assert out.endswith("\n1 warning.\n")


def test_many_peers_are_counted_not_listed(folder, capsys):
    peers = (f'[peers.p{n}]\nae_title = "P{n}"\n' for n in range(300))
    write(folder, "".join(peers))

    assert run(["check"]) == 0

    out = capsys.readouterr().out
    assert "and 280 more peers" in out
    assert len(out.splitlines()) < 40


def test_a_program_gets_one_object_with_what_is_wrong(folder, capsys):
    write(folder, "[gateway]\nworkers = 0\n")

    assert run(["check", "--json"]) == 2

    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert found["config"] is None
    assert found["errors"] == [
        {
            "path": "gateway.workers",
            "file": "hilum.toml",
            "line": 2,
            "column": 11,
            "variable": None,
            "value": "0",
            "message": "found the number 0, expected a whole number from 1 to 64",
            "remedy": None,
        }
    ]


def test_a_program_gets_one_object_with_what_holds_but_no_secret(folder, monkeypatch, capsys):
    write(folder, '[peers.a]\nae_title = "A"\nuser = "u"\npassword = "s3cret-word"\n')
    monkeypatch.setenv("HILUM__GATEWAY__WORKERS", "3")

    assert run(["check", "--json"]) == 0

    out = capsys.readouterr().out
    found = json.loads(out)
    assert found["ok"] is True
    assert found["config"]["gateway"]["workers"] == 3
    assert found["config"]["peers"]["a"]["may"] == ["echo", "store"]
    assert "s3cret-word" not in out


def test_the_schema_is_printed_whatever_the_configuration_is(folder, capsys):
    write(folder, "nonsense")

    assert run(["check", "--schema"]) == 0

    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["gateway"]
    assert schema["title"] == "Configuration of Hilum"
