"""One gateway for one data folder, and others can find out whether it runs."""

import fcntl

import pytest

from hilum.kernel.errors import Misconfigured
from hilum.service.opening import DataFolder
from hilum.service.tenancy import is_occupied, occupied


def test_a_folder_is_occupied_while_a_gateway_runs(tmp_path):
    folder = DataFolder(tmp_path)
    assert is_occupied(folder) is False

    with occupied(folder):
        assert is_occupied(folder) is True

    assert is_occupied(folder) is False


def test_a_second_gateway_is_told_so(tmp_path):
    folder = DataFolder(tmp_path)

    with occupied(folder), pytest.raises(Misconfigured, match="in use"), occupied(folder):
        pass


def test_whoever_only_asks_keeps_no_gateway_from_starting(tmp_path, monkeypatch):
    folder = DataFolder(tmp_path)
    with occupied(folder):
        pass
    asking = (folder.run / "lock").open()
    fcntl.flock(asking, fcntl.LOCK_SH)
    monkeypatch.setattr("hilum.service.tenancy.time.sleep", lambda _: asking.close())

    with occupied(folder):
        assert is_occupied(folder) is True
