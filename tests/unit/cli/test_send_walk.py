import os

from hilum.cli.sending.item import BadFile, Origin
from hilum.cli.sending.walk import Candidate, walk


def names(found, root):
    return [os.path.relpath(each.path, root) for each in found]


def test_folders_are_walked_to_their_end_in_the_order_of_names(tmp_path):
    for name in ("b/2", "b/1", "a/x/3", "a/4", "5"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = list(walk([str(tmp_path)]))

    assert names(found, tmp_path) == ["5", "a/4", "a/x/3", "b/1", "b/2"]
    assert not any(each.named for each in found)


def test_a_link_to_a_folder_above_ends_the_walk_not(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)

    found = list(walk([str(tmp_path)]))

    assert names(found, tmp_path) == ["a/1"]


def test_a_file_named_twice_is_sent_once(tmp_path):
    file = tmp_path / "1"
    file.touch()

    found = list(walk([str(file), str(tmp_path), f"{tmp_path}/*"]))

    assert found == [Candidate(str(file), named=True)]


def test_globs_are_expanded_also_through_folders(tmp_path):
    (tmp_path / "s1" / "deep").mkdir(parents=True)
    (tmp_path / "s1" / "deep" / "1.dcm").touch()
    (tmp_path / "s1" / "2.txt").touch()

    assert names(walk([f"{tmp_path}/**/*.dcm"]), tmp_path) == ["s1/deep/1.dcm"]


def test_a_name_with_brackets_that_exists_is_no_glob(tmp_path):
    file = tmp_path / "scan[1].dcm"
    file.touch()

    assert list(walk([str(file)])) == [Candidate(str(file), named=True)]


def test_what_does_not_exist_is_reported(tmp_path):
    missing, pattern = f"{tmp_path}/no", f"{tmp_path}/*.dcm"

    assert list(walk([missing, pattern])) == [
        BadFile(Origin(missing), "no such file or folder"),
        BadFile(Origin(pattern), "no file matches this pattern"),
    ]
