"""Several processes share one cache, and one of them is killed."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from cache_rigs import VaultRig

SUPPORT = Path(__file__).parents[3] / "support"
SECONDS = 2.0


def start(folder, seed):
    return subprocess.Popen(
        [sys.executable, SUPPORT / "cache_process.py", folder, str(seed), str(SECONDS)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(SUPPORT)])},
        stdout=subprocess.PIPE,
    )


def test_whatever_others_do_what_is_pinned_can_be_read(tmp_path):
    VaultRig(tmp_path).vault.open()
    processes = [start(tmp_path, seed) for seed in range(4)]
    victim = processes.pop()
    try:
        victim.wait(SECONDS * 0.6)
    except subprocess.TimeoutExpired:
        victim.kill()
    victim.communicate()
    seen = Counter()
    for process in processes:
        answer, _ = process.communicate(timeout=15)
        assert process.returncode == 0
        seen.update(json.loads(answer))

    assert not [what for what in seen if what.startswith("wrong")]
    assert min(seen["right"], seen["hits"], seen["fetched"], seen["evicted"]) > 0
