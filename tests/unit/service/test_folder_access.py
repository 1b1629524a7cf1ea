"""What is closed to us is said, and never taken for damaged."""

import os

import pytest

from hilum.kernel.errors import Misconfigured
from hilum.service.config_settings import Config
from hilum.service.folder_access import check_access
from hilum.service.opening import DataFolder, open_house, rebuild_ledger


@pytest.fixture
def folder(tmp_path):
    found = DataFolder(tmp_path)
    (found.vault / "incoming").mkdir(parents=True)
    for name in ("ledger.sqlite", "ledger.sqlite.lock"):
        (tmp_path / name).write_bytes(b"kept")
    return found


def close(monkeypatch, closed):
    """Root may do everything: tests must not need another user."""
    is_open = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: (mode == os.F_OK or path != closed) and is_open(path, mode)
    )


@pytest.mark.parametrize(
    "name", ["ledger.sqlite", "ledger.sqlite.lock", "vault", "vault/incoming", ""]
)
def test_what_is_closed_is_named(folder, monkeypatch, name):
    closed = folder.root / (name or "ledger.sqlite-wal")
    closed.touch()
    close(monkeypatch, closed)

    with pytest.raises(Misconfigured, match="chmod -R") as told:
        check_access(folder.ledger, folder.vault)

    assert f"{closed} may not be read and written" in str(told.value)


def test_what_is_not_there_yet_is_no_obstacle(tmp_path):
    check_access(tmp_path / "ledger.sqlite", tmp_path / "vault")


@pytest.mark.parametrize(
    "begin",
    [
        lambda folder: open_house(folder, Config(), None),
        lambda folder: rebuild_ledger(folder, Config()),
    ],
)
def test_a_ledger_that_is_closed_to_us_is_not_made_anew(folder, monkeypatch, begin):
    close(monkeypatch, folder.ledger)

    with pytest.raises(Misconfigured):
        begin(folder)

    assert folder.ledger.read_bytes() == b"kept"
