"""The command itself: what it imports, what it says, with which code it ends."""

import importlib
import os
import subprocess
import sys
from types import ModuleType

import pytest

from hilum import __version__
from hilum.cli.app import COMMANDS, run
from hilum.kernel.errors import HilumError, Misconfigured, Unreachable
from hilum.service.config_errors import InvalidConfig, Place, Problem

# Each costs more than the tenth of a second that is left for starting.
HEAVY = {"pydantic", "pydicom", "sqlalchemy", "alembic", "starlette", "uvicorn", "numpy", "uvloop"}


@pytest.fixture
def command(monkeypatch):
    """Put a command of our own in the place of `serve`; give what decides what it does."""
    module = ModuleType("hilum.cli.serve")
    monkeypatch.setitem(sys.modules, "hilum.cli.serve", module)

    def does(effect):
        def serve() -> int | None:
            if isinstance(effect, BaseException):
                raise effect
            return effect

        module.serve = serve

    return does


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from hilum.cli.app import run; run(['--help']); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert not HEAVY & set(ended.stderr.decode().split())
    assert b"Run the gateway" in ended.stdout


def test_help_names_every_command(capsys):
    assert run(["--help"]) == 0

    out = capsys.readouterr().out
    assert all(f"│ {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_the_function_of_its_name_in_the_module_of_its_name(name):
    module = importlib.import_module(f"hilum.cli.{name}")

    assert callable(getattr(module, name))


def test_the_version_is_printed(capsys):
    assert run(["--version"]) == 0

    assert capsys.readouterr().out == f"hilum {__version__}\n"


@pytest.mark.parametrize(
    ("effect", "code"),
    [
        (None, 0),
        (0, 0),
        (1, 1),
        (Misconfigured("m"), 2),
        (Unreachable("u"), 1),
        (HilumError("h"), 1),
    ],
)
def test_the_code_says_how_it_ended(effect, code, command):
    command(effect)

    assert run(["serve"]) == code


@pytest.mark.parametrize("tokens", [["--help"], ["check"], ["check", "--json"], ["check", "-c"]])
def test_a_reader_who_left_is_not_a_failure_whoever_prints(tokens, tmp_path):
    """rich ends the process with 1 where a shell would say 128 + SIGPIPE."""
    path = tmp_path / "hilum.toml"
    path.write_text("[gateway]\nunheard_of = 1\n", encoding="utf-8")
    tokens = [*tokens, str(path)] if tokens[-1] == "-c" else tokens
    reader, writer = os.pipe()
    os.close(reader)

    ended = subprocess.run(
        [sys.executable, "-m", "hilum", *tokens],
        stdout=writer,
        stderr=writer,
        cwd=tmp_path,
        check=False,
    )
    os.close(writer)

    assert ended.returncode == 141


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]


@pytest.mark.parametrize("closed", CLOSED)
def test_no_file_we_open_becomes_a_standard_stream_that_was_closed(closed, tmp_path):
    """The log is written to descriptor 1, whatever that is: it was the lock of the data folder."""
    script = (
        "import sys; from hilum.cli import app; "
        "app.run = lambda: open(sys.argv[1], 'w').fileno(); app.main()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "opened")]

    ended = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command], check=False)

    assert ended.returncode > 2


@pytest.mark.parametrize("closed", CLOSED)
def test_a_command_works_without_its_standard_streams(closed, tmp_path):
    command = [sys.executable, "-m", "hilum", "init", str(tmp_path / "hilum.toml")]

    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command], capture_output=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (tmp_path / "hilum.toml").read_text(encoding="utf-8").startswith("#")


def test_an_error_does_not_go_to_standard_output_when_standard_error_is_closed(tmp_path):
    command = [sys.executable, "-m", "hilum", "init", str(tmp_path / "no" / "such")]

    ended = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *command], capture_output=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (1, b"")


def test_what_can_be_explained_is_a_line_and_no_traceback(command, capsys):
    command(Unreachable("pacs (10.0.0.5:104) does not answer"))

    run(["serve"])

    assert capsys.readouterr().err == "hilum: pacs (10.0.0.5:104) does not answer\n"


def test_a_wrong_configuration_is_shown_as_check_shows_it(command, capsys):
    place = Place("hilum.toml", 2, 1, "x = 1", 1)
    command(InvalidConfig([Problem("gateway.x", "there is no x", "", None, place)]))

    assert run(["serve"]) == 2

    assert capsys.readouterr().err.startswith("error: gateway.x\n  hilum.toml:2:1\n  2 │ x = 1\n")


def test_a_fault_of_ours_keeps_its_traceback(command):
    command(ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        run(["serve"])


def test_a_command_that_does_not_exist_imports_no_other(monkeypatch, capsys):
    for name in COMMANDS:
        monkeypatch.delitem(sys.modules, f"hilum.cli.{name}", raising=False)

    with pytest.raises(SystemExit) as caught:
        run(["chek"])

    assert caught.value.code == 2
    assert capsys.readouterr().err == "hilum: there is no command chek. Did you mean check?\n"
    assert not [name for name in COMMANDS if f"hilum.cli.{name}" in sys.modules]


def test_what_is_missing_below_a_command_is_not_looked_for_beside_it(capsys):
    with pytest.raises(SystemExit):
        run(["routes", "-c", "hilum.toml"])

    said = capsys.readouterr().err
    assert said == "hilum: routes has no command -c. See hilum routes --help.\n"


def test_an_option_that_does_not_exist_is_named(capsys):
    with pytest.raises(SystemExit) as caught:
        run(["check", "--bogus"])

    assert caught.value.code == 2
    assert "--bogus" in capsys.readouterr().err
