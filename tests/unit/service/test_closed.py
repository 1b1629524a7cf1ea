"""Why something is closed to us decides what opens it. Tests are root's, often, who may do all."""

import errno
import os
from types import SimpleNamespace

import pytest

from hilum.service.closed import remedy_for, remedy_of


def test_what_belongs_to_another_user_changes_its_owner(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)

    owner = tmp_path.stat().st_uid
    assert remedy_of(tmp_path) == (
        f"Change its owner, who is uid {owner}: chown {owner + 1} '{tmp_path}'"
    )
    assert remedy_of(tmp_path / "..", all_of=tmp_path).endswith(
        f"chown -R {owner + 1} '{tmp_path}'"
    )


def test_what_is_ours_and_not_writable_changes_its_mode(tmp_path):
    tmp_path.chmod(0o550)

    assert remedy_of(tmp_path) == f"Change its mode, which is 0550: chmod u+rwX '{tmp_path}'"


def test_what_is_mounted_read_only_is_mounted_for_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))

    assert remedy_of(tmp_path).startswith("Mount its file system for writing")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "chmod u+rwX"), (errno.EROFS, "chmod u+rwX"), (errno.EIO, "that disk")],
)
def test_an_error_of_a_folder_that_is_not_there_yet_is_that_of_the_one_above(
    tmp_path, number, words
):
    told = remedy_for(tmp_path / "new" / "one", OSError(number, "no"))

    assert words in told
    assert "set another folder" in told
