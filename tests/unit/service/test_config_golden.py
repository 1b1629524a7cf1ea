"""Every case in tests/golden/config: a configuration, and word for word what is said about it.

A case is one file: the TOML, then in any order `=== environment`, `=== file NAME`, and at the end
`=== expected`. Write a new one without its last part and run the test with HILUM_UPDATE_GOLDEN=1;
then read what it says as the person who made the mistake.
"""

import os
import re
import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from tls_files import encrypt_key, make_authority, make_key, make_tls_files

from hilum.cli.check import as_json
from hilum.cli.problems import print_problems
from hilum.service.config import Examination, InvalidConfig, examine, load
from hilum.service.config_settings import Config

CASES = sorted((Path(__file__).parents[2] / "golden/config").glob("*.case"))
SECRET = "s3cret-word"  # the only secret that cases use; nothing may ever show it


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """What the cases name: gateway.crt and gateway.key, and others with something wrong."""
    folder = tmp_path_factory.mktemp("certificates")
    hospital = make_authority(folder, "hospital-ca")
    gateway = make_tls_files(folder, "gateway", authority=hospital, days=365.5)
    make_tls_files(folder, "soon", authority=hospital, key=gateway.key, days=12.5)
    make_tls_files(folder, "expired", authority=hospital, key=gateway.key, days=-1)
    make_key(folder / "other.key")
    encrypt_key(gateway.key, folder / "encrypted.key", SECRET)
    return folder


@pytest.fixture
def folder(tmp_path, certificates, monkeypatch):
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_cases():
    assert len(CASES) >= 25


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_is_said_is_what_the_case_expects(case, folder):
    environ = lay_out(case, folder)

    found = said(look(environ)).replace(str(folder), "FOLDER")

    if "HILUM_UPDATE_GOLDEN" in os.environ:
        before = case.read_text().partition("=== expected\n")[0]
        case.write_text(f"{before}=== expected\n{found}")
    assert found == parts_of(case)["expected"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_no_secret_is_shown(case, folder):
    found = look(lay_out(case, folder))

    terminal = StringIO()
    print_problems(found.errors, found.warnings, console=Console(file=terminal, width=500))
    program = repr(as_json(Path("hilum.toml"), found))

    for text in (said(found), terminal.getvalue(), program, repr(found)):
        assert SECRET not in text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_only_a_configuration_without_errors_is_loaded(case, folder):
    environ = lay_out(case, folder)
    expected = look(environ).errors

    if expected:
        with pytest.raises(InvalidConfig) as caught:
            load(Path("hilum.toml"), environ)
        assert caught.value.problems == expected
    else:
        assert isinstance(load(Path("hilum.toml"), environ), Config)


def look(environ):
    try:
        return examine(Path("hilum.toml"), environ)
    except InvalidConfig as error:
        return Examination(Config(), error.problems, ())


def said(found):
    lines = [f"error: {problem}" for problem in found.errors]
    lines += [f"warning: {problem}" for problem in found.warnings]
    return "\n".join([*(lines or ["nothing"]), ""])


def lay_out(case, folder):
    """Write the files of a case; give its environment."""
    parts = parts_of(case)
    (folder / "hilum.toml").write_text(parts["toml"])
    for name, text in parts.items():
        if name.startswith("file "):
            (folder / name.removeprefix("file ")).write_text(text)
    lines = parts.get("environment", "").splitlines()
    return dict(line.split("=", 1) for line in lines)


def parts_of(case):
    toml, *others = re.split(r"^=== ", case.read_text(), flags=re.MULTILINE)
    parts = dict(other.split("\n", 1) for other in others)
    return {"expected": "", **parts, "toml": toml}
