import os
import zlib
from pathlib import Path

import pytest

from hilum.cli.sending.item import Item, Origin
from hilum.cli.sending.journal import Journal
from hilum.kernel.errors import Misconfigured
from hilum.kernel.names import UID

PEER = "PACS@10.0.0.5:104"


def item(number: int, *, stamp: int = 7) -> Item:
    return Item(UID("1"), UID(f"2.{number}"), UID("3"), Origin(f"/{number}"), 132, 8192, stamp)


def confirmed(path: Path, *items: Item) -> None:
    with Journal.open(path, peer=PEER) as journal:
        for each in items:
            journal.confirm(each, 0)


def test_what_was_confirmed_is_known_after_a_restart(tmp_path):
    confirmed(tmp_path / "j", item(1))

    with Journal.open(tmp_path / "j", peer=PEER) as journal:
        assert item(1) in journal
        assert item(2) not in journal


def test_opening_a_whole_journal_changes_nothing(tmp_path):
    path = tmp_path / "j"
    confirmed(path, item(1), item(2))
    before = path.read_bytes()

    confirmed(path)

    assert path.read_bytes() == before


def test_a_file_that_changed_since_is_not_confirmed(tmp_path):
    confirmed(tmp_path / "j", item(1))

    with Journal.open(tmp_path / "j", peer=PEER) as journal:
        assert item(1, stamp=8) not in journal


def test_a_line_torn_by_a_kill_is_forgotten_and_the_next_one_whole(tmp_path):
    path = tmp_path / "j"
    confirmed(path, item(1))
    before = path.stat().st_size
    confirmed(path, item(2))
    whole = path.read_bytes()

    for length in range(before, len(whole)):
        path.write_bytes(whole[:length])
        confirmed(path, item(3))

        with Journal.open(path, peer=PEER) as journal:
            assert [item(n) in journal for n in (1, 2, 3)] == [True, False, True]


def test_a_heading_torn_by_a_kill_is_written_anew(tmp_path):
    path = tmp_path / "j"
    confirmed(path)
    os.truncate(path, 10)

    confirmed(path, item(1))

    with Journal.open(path, peer=PEER) as journal:
        assert item(1) in journal


def test_a_line_with_a_flipped_bit_counts_for_nothing(tmp_path):
    path = tmp_path / "j"
    confirmed(path, item(1), item(2))
    path.write_bytes(path.read_bytes().replace(b" 2.1 ", b" 2.7 "))

    with Journal.open(path, peer=PEER) as journal:
        assert item(7) not in journal
        assert item(2) in journal


def test_the_journal_of_another_peer_is_refused(tmp_path):
    confirmed(tmp_path / "j", item(1))

    with pytest.raises(Misconfigured, match=r"is about PACS@10\.0\.0\.5:104, not OTHER@"):
        Journal.open(tmp_path / "j", peer="OTHER@10.0.0.5:104")


@pytest.mark.parametrize("content", [b"\0" * 128 + b"DICM", b"hello\n", b"x"])
def test_a_file_that_is_no_journal_is_not_touched(tmp_path, content):
    path = tmp_path / "image.dcm"
    path.write_bytes(content)

    with pytest.raises(Misconfigured, match="no journal of hilum send"):
        Journal.open(path, peer=PEER)

    assert path.read_bytes() == content


def test_two_senders_cannot_share_a_journal(tmp_path):
    with (
        Journal.open(tmp_path / "j", peer=PEER),
        pytest.raises(Misconfigured, match="another hilum send"),
    ):
        Journal.open(tmp_path / "j", peer=PEER)


def test_a_journal_in_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(Misconfigured, match="No such file"):
        Journal.open(tmp_path / "no" / "j", peer=PEER)


def test_every_line_carries_its_own_checksum(tmp_path):
    confirmed(tmp_path / "j", item(1))

    for line in (tmp_path / "j").read_bytes().splitlines():
        checksum, text = line.split(b" ", 1)
        assert int(checksum, 16) == zlib.crc32(text)
