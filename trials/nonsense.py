"""Thousands of broken sessions: each gets an end, valid clients are served, nothing grows."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from trials import hostile, objects
from trials.gateway import Settings
from trials.holding import LEDGER
from trials.large import Watch
from trials.mutation import Session, session
from trials.probe import Probe
from trials.recorder import Recorder, pdus_of
from trials.targets import Target
from trials.trial import Options, Result, many_processes
from trials.wire import SUCCESS

PROCESSES: Final = 4
CHUNK: Final = 50
END_SECONDS_MAX: Final = 5.0
GROWTH_MEGABYTES_MAX: Final = 20
# ARTIM is 10 s; a slow request must not live longer than that and a little.
SLOW_SECONDS_MAX: Final = 15.0
SETTLE_SECONDS: Final = 1.0
# What a log says of an exception that nobody foresaw.
FAULT_WORDS: Final = (
    "Traceback (most recent call last)",
    "A fault of ours ended",
    "unexpectedly (",
    "request failed with 500",
)


@dataclass(slots=True)
class _Tally:
    outcomes: Counter[str] = field(default_factory=Counter)
    endless: list[str] = field(default_factory=list)
    attacks: dict[str, str] = field(default_factory=dict)
    slow_closed_after: float | None = None


def run(options: Options) -> Result:
    """Send mutated sessions from several processes, and the attacks that have names."""
    # `debug` would make the log the bottleneck; what a trial must not see is a traceback.
    target = options.make_target("nonsense", Settings(level="info"))
    tally = _Tally()
    sessions = options.count(long=20_000, short=400)
    try:
        target.start()
        captured = _captured(target, options.folder)
        _send_all(target, captured, range(-CHUNK * 4, 0), _Tally())  # warms up what is made once
        time.sleep(SETTLE_SECONDS)
        files = _open_files(target)
        first = options.seed * 1_000_000
        with (
            Watch(target.tree) as watch,
            Probe(target.port, target.called, stores=True) as probe,
        ):
            slow = _begin_slow(target, tally)
            _send_all(target, captured, range(first, first + sessions), tally)
            _attack(target, tally)
            slow.join()
        time.sleep(SETTLE_SECONDS)
        leaked = _open_files(target) - files
        survived = target.tree.exit_code is None
        target.stop()
    finally:
        target.kill()
    return _result(tally, watch, probe, leaked=leaked if survived else None, log=target.log)


def _result(tally: _Tally, watch: Watch, probe: Probe, *, leaked: int | None, log: Path) -> Result:
    text = log.read_text(errors="replace")
    faults = sum(text.count(words) for words in FAULT_WORDS)
    slow = tally.slow_closed_after
    figures: dict[str, object] = {
        "sessions": sum(tally.outcomes.values()),
        **tally.outcomes,
        "without an end in 5 s": len(tally.endless),
        "attacks": len(hostile.ATTACKS),
        "attacks not refused": tally.attacks or 0,
        "one byte a second": f"closed after {slow:.0f} s" if slow else "NOT CLOSED",
        "valid client": f"{len(probe.seconds)} answers, slowest {probe.slowest_ms:.0f} ms, "
        f"refused {len(probe.refused)} {probe.refused[:2] or ''}",
        "memory": f"+{watch.growth_megabytes:.0f} MB",
        "descriptors": "DIED" if leaked is None else f"{leaked:+d}",
        "faults of ours in the log": faults,
    }
    if tally.endless:
        figures["endless"] = tally.endless[:5]
    is_served = probe.seconds and not probe.refused and probe.slowest_ms < END_SECONDS_MAX * 1e3
    passed = (
        not tally.endless
        and not tally.attacks
        and slow is not None
        and bool(is_served)
        and watch.growth_megabytes <= GROWTH_MEGABYTES_MAX
        and leaked is not None
        and leaked <= 0
        and faults == 0
    )
    return Result(passed, figures)


def _open_files(target: Target) -> int:
    # The ledger opens its connections when they are first needed; the soak sees if they pile up.
    return target.tree.open_files(except_for=LEDGER)


def _send_all(target: Target, captured: list[Session], seeds: range, tally: _Tally) -> None:
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    send = partial(_send_chunk, target.port, target.called, captured)
    with many_processes(PROCESSES) as pool:
        for outcomes, endless in pool.map(send, chunks):
            tally.outcomes += outcomes
            tally.endless += endless


def _send_chunk(
    port: int, called: str, captured: list[Session], seeds: range
) -> tuple[Counter[str], list[str]]:
    outcomes: Counter[str] = Counter()
    endless = []
    for seed in seeds:
        outcome = _send(port, session(seed, called, captured))
        outcomes[outcome] += 1
        if outcome == "endless":
            endless.append(f"seed {seed}")
    return outcomes, endless


def _send(port: int, pieces: Session) -> str:
    """Send one session and then our end of the stream; it must end, and soon."""
    heard = 0
    try:
        with socket.create_connection(("127.0.0.1", port), END_SECONDS_MAX) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number, piece in enumerate(pieces):
                client.settimeout(END_SECONDS_MAX)
                client.sendall(piece)
                # Waits for the answer to a request; after that the rest comes in one go.
                client.settimeout(0.1 if number == 0 else 0.0)
                with suppress(TimeoutError, BlockingIOError):
                    heard += len(client.recv(65536))
            client.settimeout(END_SECONDS_MAX)
            client.shutdown(socket.SHUT_WR)
            while received := client.recv(65536):
                heard += len(received)
    except TimeoutError:
        return "endless"
    except OSError:
        return "cut off"
    return "answered" if heard else "closed"


def _attack(target: Target, tally: _Tally) -> None:
    for name in hostile.ATTACKS:
        answer, _ = hostile.attack(name, target.port, target.called)
        is_granted = answer in (SUCCESS, "accept") and name not in hostile.MAY_BE_GRANTED
        if is_granted or answer == "NO ANSWER":
            tally.attacks[name] = answer


def _begin_slow(target: Target, tally: _Tally) -> threading.Thread:
    def wait() -> None:
        tally.slow_closed_after = hostile.one_byte_a_second(
            target.port, target.called, SLOW_SECONDS_MAX
        )

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def _captured(target: Target, folder: Path) -> list[Session]:
    """Record what real clients say to the target, if there are any, to make nonsense of."""
    sample = folder / "sample.dcm"
    sample.write_bytes(objects.part10(objects.instance_uid(66, 1), size=4000))
    common = ["-aec", target.called, "127.0.0.1"]
    commands = {
        "echoscu": ["echoscu", *common],
        "storescu": ["storescu", *common],
        "dcmsend": ["dcmsend", *common],
    }
    captured = []
    for name, command in commands.items():
        if shutil.which(name) is None:
            continue
        with Recorder(target.port) as recorder:
            file = [] if name == "echoscu" else [str(sample)]
            subprocess.run(
                [*command, str(recorder.own_port), *file],
                capture_output=True,
                check=False,
                timeout=30,
                env={**os.environ, "TCP_NODELAY": "1"},
            )
        captured += [pdus_of(bytes(one.sent)) for one in recorder.conversations]
    return [pieces for pieces in captured if pieces]
