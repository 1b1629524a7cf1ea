from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from hilum.kernel.errors import Misconfigured
from hilum.service.config import Config, GatewaySettings, InvalidConfig, examine, load, locate

NOTHING: dict[str, str] = {}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, text, name="hilum.toml"):
    path = folder / name
    path.write_text(text)
    return path


def test_the_file_of_the_design_is_loaded(folder):
    path = write(
        folder,
        """
        [gateway]
        ae_title = "HILUM"
        data = "kept"
        workers = 2

        [sources.dimse]
        port = 11112
        called_ae_titles = "ARCHIVE"
        limits = { instance_bytes_max = "4 GiB", idle_seconds = 5 }

        [peers.ct1]
        ae_title = "CT1"
        host = "10.1.2.3"
        may = ["echo", "store", "worklist", "mpps", "commit"]
        """,
    )

    config = load(path, NOTHING)

    assert config.gateway.workers == 2
    assert config.sources.dimse.called_ae_titles == ("ARCHIVE",)
    assert config.sources.dimse.limits.instance_bytes_max == 4 * 1024**3
    assert config.sources.dimse.limits.idle_seconds == 5.0
    assert config.peers["ct1"].host == ("10.1.2.3",)
    assert config.peers["ct1"].may == {"echo", "store", "worklist", "mpps", "commit"}


def test_without_a_file_the_defaults_hold_and_the_data_is_in_the_working_folder(folder):
    config = load(None, NOTHING)

    assert config.gateway.data == folder / "hilum-data"
    assert config == Config(gateway=GatewaySettings(data=folder / "hilum-data"))


def test_relative_paths_start_at_the_folder_of_the_file_wherever_the_command_is_typed(folder):
    (folder / "etc").mkdir()
    (folder / "etc/secret").write_text("word\n")
    path = write(
        folder / "etc",
        '[peers.ct1]\nae_title = "CT1"\nuser = "ct1"\npassword_file = "secret"\n',
    )

    config = load(path.relative_to(folder), NOTHING)

    assert config.gateway.data == folder / "etc/hilum-data"
    assert config.peers["ct1"].password == SecretStr("word")


def test_a_path_may_start_at_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "home"))
    path = write(folder, '[gateway]\ndata = "~/kept"\n')

    assert load(path, NOTHING).gateway.data == folder / "home/kept"


@pytest.mark.parametrize(
    ("content", "secret"),
    [("word", "word"), ("word\n", "word"), ("word\r\n", "word"), (" w d \n\n", " w d \n")],
)
def test_a_secret_loses_one_line_break_and_nothing_else(folder, content, secret):
    (folder / "secret").write_bytes(content.encode())
    path = write(folder, '[peers.a]\nae_title = "A"\nuser = "u"\npassword_file = "secret"\n')

    assert load(path, NOTHING).peers["a"].password == SecretStr(secret)


def test_a_secret_file_that_changes_is_read_again(folder):
    path = write(folder, '[peers.a]\nae_title = "A"\nuser = "u"\npassword_file = "secret"\n')
    (folder / "secret").write_text("old")
    load(path, NOTHING)
    (folder / "secret").write_text("new")

    assert load(path, NOTHING).peers["a"].password == SecretStr("new")


def test_the_environment_goes_before_the_file(folder):
    path = write(folder, '[gateway]\nae_title = "FILE"\n[peers.ct-1]\nae_title = "CT1"\n')

    config = load(
        path,
        {
            "HILUM__GATEWAY__AE_TITLE": "1234",
            "HILUM__GATEWAY__RESERVE_BYTES": "2 GB",
            "HILUM__SOURCES__DIMSE__PORT": "104",
            "HILUM__SOURCES__DIMSE__CHECK_CALLED_AE_TITLE": "false",
            "HILUM__PEERS__CT_1__HOST": '["10.1.2.3", "10.1.2.4"]',
            "HILUM__PEERS__MR__AE_TITLE": "MR",
            "HILUM__PEERS__MR__HOST": "10.1.2.5",
            "HILUM_CONFIG": "of no interest here",
        },
    )

    assert config.gateway.ae_title == "1234"
    assert config.gateway.reserve_bytes == 2_000_000_000
    assert config.sources.dimse.port == 104
    assert config.sources.dimse.check_called_ae_title is False
    assert config.peers["ct-1"].host == ("10.1.2.3", "10.1.2.4")
    assert config.peers["mr"].host == ("10.1.2.5",)


@pytest.mark.parametrize("word", ['"quoted"', "[1]", "true", "7", " x "])
def test_a_secret_from_the_environment_is_taken_as_it_is(word):
    environ = {
        "HILUM__PEERS__A__AE_TITLE": "A",
        "HILUM__PEERS__A__USER": "u",
        "HILUM__PEERS__A__PASSWORD": word,
    }

    assert load(None, environ).peers["a"].password == SecretStr(word)


def test_a_secret_file_of_the_environment_replaces_a_secret_of_the_file(folder):
    (folder / "secret").write_text("new")
    path = write(folder, '[peers.a]\nae_title = "A"\nuser = "u"\npassword = "old"\n')

    config = load(path, {"HILUM__PEERS__A__PASSWORD_FILE": "secret"})

    assert config.peers["a"].password == SecretStr("new")


def test_all_problems_come_as_one_misconfigured(folder):
    path = write(folder, "[gateway]\nworkers = 0\nreserve_percent = -1\n")

    with pytest.raises(Misconfigured) as caught:
        load(path, NOTHING)

    assert isinstance(caught.value, InvalidConfig)
    assert [problem.path for problem in caught.value.problems] == [
        "gateway.workers",
        "gateway.reserve_percent",
    ]
    assert str(caught.value).count("\n") == 1


def test_a_configuration_cannot_be_changed():
    config = load(None, NOTHING)

    with pytest.raises(ValidationError):
        config.gateway.workers = 2


@pytest.mark.parametrize(
    ("disk_bytes", "settings", "reserve"),
    [
        (10**13, {}, 10**9),  # a terabyte of a large disk is not wasted
        (10**9, {}, 5 * 10**7),  # a small disk is not refused as a whole
        (10**13, {"reserve_bytes": 0}, 0),
        (10**13, {"reserve_percent": 0.0}, 0),
        (10**12, {"reserve_bytes": 10**12, "reserve_percent": 10.0}, 10**11),
    ],
)
def test_the_reserve_is_an_amount_that_no_disk_is_too_small_for(disk_bytes, settings, reserve):
    assert GatewaySettings(**settings).reserve_of(disk_bytes) == reserve


def test_what_is_asked_for_goes_before_the_environment_and_that_before_the_folder(folder):
    environ = {"HILUM_CONFIG": "/somewhere/b.toml"}
    write(folder, "")

    assert locate(Path("a.toml"), environ) == Path("a.toml")
    assert locate(None, environ) == Path("/somewhere/b.toml")
    assert locate(None, NOTHING) == Path("hilum.toml")


def test_without_any_file_there_is_none(monkeypatch):
    monkeypatch.setattr("hilum.service.config.FILES", (Path("hilum.toml"),))

    assert locate(None, NOTHING) is None
    assert locate(None, {"HILUM_CONFIG": ""}) is None


def test_a_data_folder_of_somebody_else_is_refused_before_anything_starts(folder, monkeypatch):
    # Root may write everywhere, and tests are often root: so the system is asked by proxy.
    monkeypatch.setattr("hilum.service.config_checks.os.access", lambda *_: False)

    (problem,) = examine(None, NOTHING).errors

    assert problem.path == "gateway.data"
    assert f"cannot be made in '{folder}'" in problem.message
    # It is ours, in fact: what helps depends on why it is closed.
    assert problem.remedy.startswith("Change its mode, which is ")


def test_images_do_not_belong_beside_a_configuration_file_in_etc(monkeypatch):
    monkeypatch.setattr("hilum.service.config_checks.os.access", lambda *_: True)

    (warning,) = examine(None, {"HILUM__GATEWAY__DATA": "/etc/hilum/hilum-data"}).warnings

    assert warning.message == "images would be kept below /etc, in '/etc/hilum/hilum-data'"
