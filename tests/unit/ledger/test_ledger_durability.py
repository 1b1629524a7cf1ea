import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_entries import entry, rows

from hilum.ledger.entry import Verdict
from hilum.ledger.ledger import Ledger

HERE = Path(__file__).parents[2] / "support"

# Records groups from a first number on and tells each UID after record() returned.
RECORDER = """
import sys
from pathlib import Path
from ledger_entries import entry
from hilum.ledger.ledger import Ledger
path, durability, first, count, size = sys.argv[1:]
ledger = Ledger.open(Path(path), durability=durability)
print("ready", flush=True)
sys.stdin.readline()
for start in range(int(first), int(first) + int(count), int(size)):
    group = [entry(start + offset) for offset in range(int(size))]
    ledger.record(group)
    print(*(e.facts.sop_instance_uid for e in group), flush=True)
ledger.close()
"""


def start_recorder(path, durability, first, count, size):
    child = subprocess.Popen(
        [sys.executable, "-c", RECORDER, *map(str, (path, durability, first, count, size))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))},
    )
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.mark.parametrize(("durability", "synchronous"), [("power", 2), ("process", 1)])
def test_every_commit_is_as_durable_as_promised(path, durability, synchronous):
    ledger = Ledger.open(path, durability=durability)
    ledger.record([entry(1)])

    connection = ledger._writer._handle._connection
    settings = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("synchronous", "journal_mode", "foreign_keys", "wal_autocheckpoint")
    }

    assert settings == {
        "synchronous": synchronous,  # 2 is FULL: the log is synced in every commit
        "journal_mode": "wal",
        "foreign_keys": 1,
        "wal_autocheckpoint": 0,
    }
    ledger.close()


def test_only_its_owner_may_read_the_ledger(ledger, path):
    ledger.record([entry(1)])

    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}

    assert set(modes.values()) == {0o600}
    assert len(modes) == 4


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["power", "process"])
@pytest.mark.parametrize("size", [1, 7])
def test_what_was_acknowledged_is_there_after_a_kill(path, durability, size):
    child = start_recorder(path, durability, 0, 700_000, size)
    child.stdin.write("go\n")
    child.stdin.flush()
    acknowledged = []
    for _ in range(random.randint(20, 200)):
        acknowledged += child.stdout.readline().split()
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate()
    complete = rest[: rest.rfind("\n") + 1]
    acknowledged += complete.split()

    ledger = Ledger.open(path, durability=durability)

    assert acknowledged
    assert all(ledger.find(acknowledged).values())
    assert ledger.check() == []
    receipts = {uid for (uid,) in rows(path, "SELECT sop_instance_uid FROM receipt")}
    assert receipts >= set(acknowledged)
    # A group is there as a whole or not at all.
    assert ledger.counts().receipts % size == 0
    ledger.close()


@pytest.mark.slow
def test_two_processes_record_at_the_same_time(path):
    """Each has 500 instances, the last 100 of the first are the first 100 of the second."""
    children = [start_recorder(path, "process", first, 500, 1) for first in (0, 400)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    told = [child.communicate()[0].split() for child in children]

    assert [child.returncode for child in children] == [0, 0]
    assert [len(uids) for uids in told] == [500, 500]
    ledger = Ledger.open(path, durability="process")
    counts = ledger.counts()
    assert (counts.receipts, counts.instances, counts.payloads) == (1000, 900, 900)
    verdicts = dict(rows(path, "SELECT verdict, count(*) FROM receipt GROUP BY verdict"))
    assert verdicts == {Verdict.KEPT.value: 900, Verdict.ALREADY_HELD.value: 100}
    assert (counts.patients, counts.studies, counts.series) == (1, 1, 1)
    assert ledger.check() == []
    ledger.close()
