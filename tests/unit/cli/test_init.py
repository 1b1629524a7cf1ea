import re
import tomllib

import pytest

from hilum.cli.app import run
from hilum.service.config import Config, GatewaySettings, load
from hilum.service.config_options import sections
from hilum.service.config_template import example_name, template


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_marks(text):
    """Make every setting a setting: those of optional sections as well."""
    return re.sub(r"^#(?=[a-z\[])", "", text, flags=re.MULTILINE)


def test_the_file_that_is_written_passes_check_and_changes_nothing(folder, capsys):
    assert run(["init"]) == 0
    assert run(["check"]) == 0

    assert "hilum.toml can be used" in capsys.readouterr().out
    defaults = Config(gateway=GatewaySettings(data=folder / "hilum-data"))
    assert load(folder / "hilum.toml", {}) == defaults


def test_a_file_that_exists_is_left_alone(folder, capsys):
    (folder / "hilum.toml").write_text("mine")

    assert run(["init"]) == 1

    assert (folder / "hilum.toml").read_text() == "mine"
    assert "exists already and was left alone" in capsys.readouterr().err


def test_force_writes_over_a_file(folder):
    (folder / "hilum.toml").write_text("mine")

    assert run(["init", "--force"]) == 0

    assert (folder / "hilum.toml").read_text() == template()


def test_in_a_folder_the_file_has_its_usual_name(folder):
    (folder / "etc").mkdir()

    assert run(["init", "etc"]) == 0
    assert run(["init", "etc/other.toml"]) == 0

    assert (folder / "etc/hilum.toml").read_text() == template()
    assert (folder / "etc/other.toml").read_text() == template()


def test_a_place_that_cannot_be_written_is_an_error_in_words(capsys):
    assert run(["init", "nowhere/hilum.toml"]) == 1

    expected = "hilum: cannot write nowhere/hilum.toml: No such file or directory\n"
    assert capsys.readouterr().err == expected


def test_every_setting_is_in_the_file_in_the_section_where_it_belongs():
    table = tomllib.loads(without_marks(template()))

    for section in sections():
        found = table
        for name in section.path:
            found = found[example_name(section) if name == "<name>" else name]
            found = found[0] if isinstance(found, list) else found
        assert {option.key for option in section.options} <= set(found)


def test_without_the_marks_every_setting_has_its_default(folder):
    # Certificates and passwords are examples, and nothing of this kind is there.
    text = without_marks(template()).partition("[sources.dimse.tls]")
    rest = text[2][text[2].index("[sources.dimse.limits]") :]
    text = (re.sub(r"^time_zone.*\n", "", text[0], flags=re.MULTILINE), *text[1:])
    rest = re.sub(
        r"^(user|password|password_file|token|token_file|port = 104).*\n",
        "",
        rest,
        flags=re.MULTILINE,
    )
    rest = re.sub(r"\[sources\.folder\.scans\].*?(?=^\[)", "", rest, flags=re.MULTILINE | re.DOTALL)
    absent = "local_access callers_from metrics_from cors_origins trusted_proxies find_matches_max"
    names = "|".join(["plain = true", *absent.split()])
    rest = re.sub(rf"^({names}).*\n", "", rest, flags=re.MULTILINE)
    rest = re.sub(
        r"\[sources\.web\.(tls|jwt|clients).*?(?=^\[(?!sources\.web\.jwt))",
        "",
        rest,
        flags=re.MULTILINE | re.DOTALL,
    )
    # Of destinations and routes most settings are examples; what they are is in their own tests.
    rest = re.sub(r"\[destinations\.pacs\].*(?=^\[log\])", "", rest, flags=re.MULTILINE | re.DOTALL)
    (folder / "hilum.toml").write_text(text[0] + rest)

    config = load(folder / "hilum.toml", {})

    assert config.sources == Config().sources
    assert config.log == Config().log
    assert config.gateway == GatewaySettings(data=folder / "hilum-data")
    assert config.peers["ct1"].ae_title == "CT1"


def test_no_line_is_too_long_for_a_terminal():
    assert max(map(len, template().splitlines())) < 100
