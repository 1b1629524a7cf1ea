"""`hilum rebuild`: who might call before may call after, if the old ledger can be read."""

from pathlib import Path

import pytest
from access_rig import NOW

from hilum.ledger.entry import OURSELVES
from hilum.ledger.key import AccessKey
from hilum.ledger.ledger import Ledger
from hilum.service.config_settings import Config
from hilum.service.opening import DataFolder, rebuild_ledger

KEY = AccessKey("0011aabb", "viewer", b"d" * 32, ("read",), (), (), NOW)


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path)
    folder.vault.mkdir()
    ledger = Ledger.open(folder.ledger, durability="process")
    ledger.keys.create(KEY, by=OURSELVES)
    ledger.close()
    return folder


def keys_after_rebuild(folder: DataFolder) -> list[AccessKey]:
    config = Config.model_validate({"gateway": {"data": folder.root, "durability": "process"}})
    rebuild_ledger(folder, config)
    ledger = Ledger.open(folder.ledger, durability="process")
    try:
        return ledger.keys.all()
    finally:
        ledger.close()


def test_keys_are_carried_over(folder):
    assert keys_after_rebuild(folder) == [KEY]


def test_of_a_ledger_that_cannot_be_read_there_are_none(folder):
    for path in folder.root.glob("ledger.sqlite*"):
        Path(path).write_bytes(b"x" * 8192)

    assert keys_after_rebuild(folder) == []
