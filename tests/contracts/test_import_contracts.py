"""The floors hold, and they would not hold by accident: planted violations are caught."""

import configparser
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ".importlinter"
HOUSE = ROOT / "src" / "hilum"

UPWARD = "Imports go downward only; rooms on one floor do not know each other"
VALUES = "Only values below ledger and vault: no I/O, clock, thread or chance"
SQL = "SQL only in the ledger"
PYDICOM = "pydicom only in dicom"
PIXELS = "The extra `pixels` only in imaging"
SOCKETS = "Sockets only in doors"
LOGGING = "Log lines are events; logging only in service"
TERMINAL = "Words on a terminal only in cli"
TESTING = "What tests share needs no gateway"

PLANTED = {
    "an upward import": ("dicom/uids.py", "import hilum.service.clock", UPWARD),
    "an upward import that is done late": (
        "dimse/status.py",
        "def late():\n    from hilum.ledger import entry",
        UPWARD,
    ),
    "an upward import for types only": (
        "vault/seal.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import hilum.pipeline.answers",
        UPWARD,
    ),
    "a neighbour": ("sources/dimse/tls.py", "import hilum.destinations.dimse.tls", UPWARD),
    "the other keeper": ("vault/seal.py", "import hilum.ledger.entry", UPWARD),
    "generated data in the gateway": ("service/clock.py", "import hilum.testing", UPWARD),
    "a socket in the language": ("dimse/upper/association.py", "import socket", VALUES),
    "a clock in the language": ("dimse/upper/state.py", "from time import monotonic", VALUES),
    "a thread in the data set": ("dicom/reader.py", "import threading", VALUES),
    "an event loop in the words": ("kernel/telemetry.py", "import asyncio", VALUES),
    "SQL in the journey": ("pipeline/recovery.py", "import sqlite3", SQL),
    "SQL in a door": ("sources/dimse/desk.py", "from sqlalchemy import select", SQL),
    "pydicom on the hot path": ("pipeline/intake.py", "import pydicom", PYDICOM),
    "pixels at a door": ("sources/web/door.py", "import numpy", PIXELS),
    "a clock in pictures": ("imaging/drawing.py", "from time import monotonic", VALUES),
    "a socket in the journey": ("pipeline/intake.py", "import socket", SOCKETS),
    "one more socket in service": ("service/readings.py", "import socket", SOCKETS),
    "TLS on a terminal": ("cli/echo.py", "import ssl", SOCKETS),
    "a line that is no event": ("pipeline/intake.py", "import logging", LOGGING),
    "colours in the log": ("service/logs.py", "from rich.text import Text", TERMINAL),
    "a gateway in generated data": ("testing/peer.py", "import hilum.vault.seal", TESTING),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Give a copy of the house that can be spoilt, if it is put right again."""
    copy = tmp_path_factory.mktemp("copy") / "hilum"
    shutil.copytree(HOUSE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@contextmanager
def planted(path, line):
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n\n{line}\n", encoding="utf-8")
    try:
        yield
    finally:
        if before is None:
            shutil.rmtree(path.parent)
        else:
            path.write_text(before, encoding="utf-8")


def lint(house):
    # A tree in the working folder is found before the installed one.
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", CONFIG],
        cwd=house.parent,
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def contracts():
    config = configparser.ConfigParser()
    config.read(CONFIG, encoding="utf-8")
    return {
        section.rpartition(":")[2]: config[section]
        for section in config.sections()
        if section.startswith("importlinter:contract:")
    }


def test_the_house_as_it_is_keeps_every_contract(house):
    done = lint(house)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(contracts())} kept, 0 broken." in done.stdout


@pytest.mark.parametrize(("room", "line", "contract"), PLANTED.values(), ids=PLANTED)
def test_a_planted_import_breaks_the_contract_that_forbids_it(house, room, line, contract):
    with planted(house / room, line):
        done = lint(house)

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout


def test_a_new_room_has_to_be_given_its_floor(house):
    with planted(house / "attic" / "__init__.py", '"""What nobody thought of."""'):
        done = lint(house)

    assert done.returncode == 1
    assert "- hilum.attic" in done.stdout


def test_every_contract_has_a_violation_that_is_planted():
    names = {contract["name"] for contract in contracts().values()}

    assert names == {contract for _, _, contract in PLANTED.values()}


# Whoever is not named in such a contract may do what it forbids: nobody is left out by oversight.
OWNERS = {
    "only_ledger_has_sql": {"ledger"},
    "only_dicom_has_pydicom": {"dicom"},
    "only_imaging_has_pixels": {"imaging"},
    "only_doors_have_sockets": {"sources", "destinations"},
    "only_service_has_logging": {"service"},
    "only_cli_has_terminals": {"cli", "__main__"},
}


@pytest.mark.parametrize("contract", OWNERS)
def test_only_the_owner_is_left_out_of_a_contract(contract):
    rooms = {path.stem for path in HOUSE.iterdir() if (path / "__init__.py").exists()}
    rooms.add("__main__")
    named = set(contracts()[contract]["source_modules"].split())

    assert named == {f"hilum.{room}" for room in rooms - OWNERS[contract]}


def test_every_contract_with_an_owner_is_looked_at():
    assert {name for name in contracts() if name.startswith("only_")} == set(OWNERS)


def test_everything_below_ledger_and_vault_has_only_values():
    layers = contracts()["floors"]["layers"]
    below = layers.partition("(ledger) | (vault)")[2].replace("|", " ").split()
    rooms = {room.strip("()") for room in below}
    there = {room for room in rooms if (HOUSE / room).exists()}

    named = set(contracts()["values"]["source_modules"].split())
    assert named == {f"hilum.{room}" for room in there}
