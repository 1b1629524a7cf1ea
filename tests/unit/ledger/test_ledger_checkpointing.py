import sqlite3
import threading
from contextlib import closing

from ledger_entries import entry

from hilum.ledger import checkpointing
from hilum.ledger.errors import LedgerUnavailable
from hilum.ledger.files import wal_bytes_used
from hilum.ledger.ledger import Ledger


def test_everything_moves_into_the_database(ledger, path):
    ledger.record([entry(number) for number in range(50)])
    assert ledger.wal_bytes > 0

    ledger.checkpoint("everything")

    assert ledger.wal_bytes == 0
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as alone:
        assert alone.execute("SELECT count(*) FROM receipt").fetchone() == (50,)


def test_the_log_stays_short_while_it_is_written_all_the_time(ledger, monkeypatch):
    monkeypatch.setattr(checkpointing, "RESTART_BYTES", 200_000)
    monkeypatch.setattr(checkpointing, "_COMMITS_PER_LOOK", 1_000)  # writers do not help
    done, moved = threading.Event(), threading.Event()

    def checkpoint():
        while not done.is_set():
            ledger.checkpoint()
            moved.set()

    background = threading.Thread(target=checkpoint)
    background.start()
    longest = 0
    try:
        for number in range(400):
            ledger.record([entry(number)])
            longest = max(longest, ledger.wal_bytes)
            if number % 20 == 0:  # a busy machine may leave the other thread no turn for long
                assert moved.wait(10)
                moved.clear()
    finally:
        done.set()
        background.join()

    assert longest < 4_000_000  # all of it would be more than 10 MB
    assert ledger.counts().receipts == 400
    assert ledger.check() == []


def test_a_writer_that_nobody_relieves_relieves_itself(ledger, monkeypatch):
    monkeypatch.setattr(checkpointing, "RESTART_BYTES", 500_000)

    for number in range(200):
        ledger.record([entry(number)])
        with ledger._checkpointer._mutex:
            pass  # whoever is moving the log has moved it

    assert ledger.wal_bytes < 64 * 60_000


def test_no_writer_waits_for_the_log_to_be_moved(ledger, monkeypatch):
    monkeypatch.setattr(checkpointing, "RESTART_BYTES", 0)
    monkeypatch.setattr(checkpointing, "_COMMITS_PER_LOOK", 1)
    movers = []
    monkeypatch.setattr(
        ledger._checkpointer, "_run", lambda _: movers.append(threading.current_thread())
    )

    ledger.record([entry(1)])
    ledger.close()  # waits for it

    assert movers
    assert threading.main_thread() not in movers


def test_a_log_that_was_long_once_is_not_moved_again_at_each_look(ledger, monkeypatch):
    ledger.record([entry(number) for number in range(100)])
    long = ledger.wal_bytes
    monkeypatch.setattr(checkpointing, "RESTART_BYTES", long // 2)
    monkeypatch.setattr(checkpointing, "_COMMITS_PER_LOOK", 1)
    ledger.checkpoint()
    runs = []
    monkeypatch.setattr(ledger._checkpointer, "_run", runs.append)

    ledger.record([entry(100)])

    assert ledger.wal_bytes == long
    assert runs == []


def test_what_is_left_of_the_log_before_is_not_in_use(ledger, path, monkeypatch):
    ledger.record([entry(number) for number in range(100)])
    assert wal_bytes_used(path) == ledger.wal_bytes
    monkeypatch.setattr(checkpointing, "RESTART_BYTES", 0)
    ledger.checkpoint()
    with closing(sqlite3.connect(path)) as one:
        one.execute("UPDATE meta SET probed_at_microseconds = 1")
        one.commit()

    assert wal_bytes_used(path) == 32 + (24 + 4096)
    assert ledger.wal_bytes > 100_000


def test_where_there_is_no_log_none_is_in_use(tmp_path):
    (tmp_path / "short-wal").write_bytes(b"no header")

    assert wal_bytes_used(tmp_path / "none") == 0
    assert wal_bytes_used(tmp_path / "short") == 0


def test_a_reader_in_the_way_does_not_stop_the_writers(ledger, path, monkeypatch):
    monkeypatch.setattr(checkpointing, "RESTART_BYTES", 0)
    ledger.record([entry(1)])
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM receipt").fetchall()
        ledger.record([entry(2)])

        ledger.checkpoint("everything")

        # It holds the write lock: waiting for a reader would stop every store.
        checkpointing_connection = ledger._checkpointer._handle._connection
        assert checkpointing_connection.execute("PRAGMA busy_timeout").fetchone() == (0,)
        ledger.record([entry(3)])
    ledger.checkpoint("everything")
    assert ledger.wal_bytes == 0


def test_a_failing_checkpoint_does_not_harm_a_record(ledger, monkeypatch):
    monkeypatch.setattr(checkpointing, "RESTART_BYTES", 0)
    monkeypatch.setattr(checkpointing, "_COMMITS_PER_LOOK", 1)

    def fail():
        raise LedgerUnavailable("no")

    monkeypatch.setattr(ledger._checkpointer._handle, "cursor", fail)

    [recorded] = ledger.record([entry(1)])

    assert recorded.version == 1


def test_a_closed_ledger_leaves_one_file_and_its_lock(path):
    ledger = Ledger.open(path, durability="power")
    ledger.record([entry(1)])
    ledger.find(["1.2.3.4.1"])
    ledger.checkpoint()

    ledger.close()

    assert sorted(file.name for file in path.parent.iterdir()) == ["ledger.db", "ledger.db.lock"]
