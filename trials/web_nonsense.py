"""Thousands of hostile HTTP requests: each gets an end and none a 500; nothing leaks or grows."""

import importlib.util
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from trials import objects, web_bodies, web_requests
from trials.gateway import Settings
from trials.holding import LEDGER
from trials.large import Watch
from trials.nonsense import FAULT_WORDS
from trials.targets import GatewayTarget
from trials.trial import Options, Result, many_processes
from trials.web_probe import WebProbe
from trials.web_requests import Attempt, Held

PROCESSES: Final = 4
CHUNK: Final = 50
END_SECONDS_MAX: Final = 5.0
# What is not whole is waited for by the gateway: so long we listen before we end our stream.
PATIENCE_SECONDS: Final = 0.1
GROWTH_MEGABYTES_MAX: Final = 20
SETTLE_SECONDS: Final = 1.0
SLOW_SECONDS_MAX: Final = 15.0
SECRET: Final = b"CANARY-FILE-OUTSIDE-THE-DATA-FOLDER"
NOT_OFFERED: Final = 501
# The names of files that the vault and the ledger make themselves.
OWN_NAMES: Final = re.compile(r"[0-9A-Za-z_.+-]{1,100}")
REAL_FILE_BYTES_MAX: Final = 12_000
_STATUS: Final = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [A-Z]")
_LIMITS: Final = """
[sources.web.limits]
transfer_grace_seconds = 2.0
"""
# Everybody comes by a proxy, so that what proxies tell of callers is looked at as well.
_WEB: Final = {
    "HILUM__SOURCES__WEB__TOKEN": web_requests.TOKEN,
    "HILUM__SOURCES__WEB__TRUSTED_PROXIES": "127.0.0.0/8",
    "HILUM__SOURCES__WEB__METRICS_FROM": "127.0.0.0/8",
}


@dataclass(slots=True)
class _Tally:
    statuses: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slow_closed_after: float | None = None

    def add(self, other: "_Tally") -> None:
        self.statuses += other.statuses
        self.outcomes += other.outcomes
        self.wrong += other.wrong


def run(options: Options) -> Result:
    """Send seeded requests from several processes while a valid client is served."""
    if options.target != "hilum":
        return Result(passed=False, skipped="other receivers have no such door")
    target = options.make_gateway("web", Settings(level="debug", more=_LIMITS))
    tally = _Tally()
    requests = options.count(long=12_000, short=700)
    warming = options.count(long=CHUNK * 40, short=CHUNK * 8)
    try:
        target.start(environment=_WEB)
        (options.folder / "web" / "canary").mkdir()
        (options.folder / "web" / "canary" / "secret.txt").write_bytes(SECRET)
        held = _held(target)
        # Warms up what is made once: threads, what draws, connections of the ledger.
        _send_all(target.web_port, held, range(-warming, 0), _Tally())
        time.sleep(SETTLE_SECONDS)
        names, files = _names_outside(target), _open_files(target)
        first = options.seed * 1_000_000
        with Watch(target.tree) as watch, WebProbe(target.web_port, web_requests.TOKEN) as probe:
            slow = _begin_slow(target.web_port, tally)
            _send_all(target.web_port, held, range(first, first + requests), tally)
            slow.join()
        time.sleep(SETTLE_SECONDS)
        leaked = _open_files(target) - files
        survived = target.tree.exit_code is None
        target.stop()
        tally.wrong += [f"outside: {name}" for name in _names_outside(target) ^ names]
        tally.wrong += [f"strange name: {name}" for name in _strange_names(target)]
        tally.wrong += target.holding().faults
    finally:
        target.kill()
    return _result(tally, watch, probe, leaked=leaked if survived else None, log=target.log)


def _result(
    tally: _Tally, watch: Watch, probe: WebProbe, *, leaked: int | None, log: Path
) -> Result:
    text = log.read_text(errors="replace")
    faults = sum(text.count(words) for words in FAULT_WORDS)
    told = [line for line in text.splitlines() if "CANARY" in line]
    slow = tally.slow_closed_after
    figures: dict[str, object] = {
        "requests": sum(tally.outcomes.values()),
        **tally.outcomes,
        "statuses": dict(sorted(tally.statuses.items())),
        "wrong": len(tally.wrong),
        "one byte a second": f"closed after {slow:.0f} s" if slow else "NOT CLOSED",
        "valid client": f"{len(probe.seconds)} answers, slowest {probe.slowest_ms:.0f} ms, "
        f"refused {len(probe.refused)} {probe.refused[:2] or ''}",
        "memory": f"+{watch.growth_megabytes:.0f} MB",
        "descriptors": "DIED" if leaked is None else f"{leaked:+d}",
        "faults of ours in the log": faults,
        "lines of the log with patient data": len(told),
    }
    if tally.wrong or told:
        figures["for example"] = tally.wrong[:10] + [line[:300] for line in told[:3]]
    passed = (
        not tally.wrong
        and not told
        and slow is not None
        and probe.was_served
        and watch.growth_megabytes <= GROWTH_MEGABYTES_MAX
        and leaked is not None
        and leaked <= 0
        and faults == 0
    )
    return Result(passed, figures)


# ---- sending ---------------------------------------------------------------------------------


def _send_all(port: int, held: Held, seeds: range, tally: _Tally) -> None:
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with many_processes(PROCESSES) as pool:
        for part in pool.map(partial(_send_chunk, port, held), chunks):
            tally.add(part)


def _send_chunk(port: int, held: Held, seeds: range) -> _Tally:
    tally = _Tally()
    for seed in seeds:
        attempt = web_requests.attempt(seed, held)
        outcome, answer = send(port, attempt)
        statuses = [int(one) for one in _STATUS.findall(answer)]
        tally.outcomes[outcome] += 1
        tally.statuses.update(statuses)
        fault = fault_of(attempt, outcome, answer, statuses)
        if fault:
            tally.wrong.append(f"seed {seed} ({attempt.kind}): {fault}")
    return tally


def fault_of(attempt: Attempt, outcome: str, answer: bytes, statuses: Sequence[int]) -> str:
    """Tell what is wrong with an answer; "": nothing."""
    failed = [status for status in statuses if status >= 500 and status != NOT_OFFERED]
    if failed:
        return f"{failed[0]} to {attempt.content[:150]!r}"
    if SECRET in answer:
        return f"gave a file from outside to {attempt.content[:150]!r}"
    if outcome == "endless":
        return f"no end to {attempt.content[:150]!r}"
    if attempt.is_whole and outcome != "answered":
        return f"{outcome} without an answer to {attempt.content[:150]!r}"
    return ""


def send(port: int, attempt: Attempt) -> tuple[str, bytes]:
    """Send one attempt; give how it ended, and all that was answered."""
    answer = bytearray()
    try:
        origin = (attempt.source, 0)
        with socket.create_connection(("127.0.0.1", port), END_SECONDS_MAX, origin) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Who is refused early is told so while we still send.
            with suppress(ConnectionError):
                client.sendall(attempt.content)
            if not attempt.is_whole:
                client.settimeout(PATIENCE_SECONDS)
                with suppress(TimeoutError):
                    while received := client.recv(65536):
                        answer += received
                with suppress(OSError):
                    client.shutdown(socket.SHUT_WR)
            client.settimeout(END_SECONDS_MAX)
            while received := client.recv(65536):
                answer += received
    except TimeoutError:
        return "endless", bytes(answer)
    except OSError:
        return "answered" if answer else "cut off", bytes(answer)
    return "answered" if answer else "closed", bytes(answer)


def _begin_slow(port: int, tally: _Tally) -> threading.Thread:
    """Send a body by one byte a second: that must not be waited for."""

    def wait() -> None:
        started = time.monotonic()
        kind, _ = web_bodies.multipart([])
        head = f"POST /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        head += f"Authorization: Bearer {web_requests.TOKEN}\r\n"
        with socket.create_connection(("127.0.0.1", port), 1.0) as client:
            client.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode())
            while time.monotonic() - started < SLOW_SECONDS_MAX:
                try:
                    client.sendall(b"-")
                    if not client.recv(65536):
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
            else:
                return
        tally.slow_closed_after = time.monotonic() - started

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


# ---- what is held, and what must not change --------------------------------------------------


def _held(target: GatewayTarget) -> Held:
    """Store what is asked for later, as a valid client does."""
    study, series = objects.instance_uid(97), objects.instance_uid(97, 1)
    uids = [objects.instance_uid(97, 1, number) for number in range(1, 4)]
    files = [
        _picture(uid, study, series, frames=number) for number, uid in enumerate(uids, start=1)
    ]
    files += [path.read_bytes() for path in _real_files()]
    kind, body = web_bodies.multipart([("Content-Type: application/dicom\r\n", it) for it in files])
    head = f"POST /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
    head += f"Authorization: Bearer {web_requests.TOKEN}\r\n"
    head += f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    outcome, answer = send(target.web_port, Attempt("store", head.encode() + body))
    assert b" 20" in answer[:16], (outcome, answer[:500])
    return Held(study, series, uids, files)


def _picture(uid: str, study: str, series: str, *, frames: int) -> bytes:
    """Make a file whose frames can be drawn, with names that no log may have."""
    front = objects.attributes(
        uid,
        study=study,
        series=series,
        patient_id=web_requests.CANARY_ID.encode(),
        patient_name=web_requests.CANARY.encode(),
    )
    at = front.index(objects.header(0x00280011, "US", 2))
    number = objects.element(0x00280008, "IS", b"%d" % frames)
    shape = [(0x00280010, 32), (0x00280011, 32), (0x00280100, 16), (0x00280101, 12)]
    shape += [(0x00280102, 11), (0x00280103, 0)]
    rows = [objects.element(tag, "US", struct.pack("<H", value)) for tag, value in shape]
    gray = objects.element(0x00280004, "CS", b"MONOCHROME2")
    front = front[:at].replace(gray, gray + number) + b"".join(rows)
    pixels = objects.element(objects.PIXEL_DATA, "OW", objects.noise(32 * 32 * 2 * frames, 5))
    return objects.meta_group(uid) + front + pixels


def _real_files() -> list[Path]:
    """Give small real files, those that pydicom brings along, where it is installed."""
    found = importlib.util.find_spec("pydicom")
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent / "data" / "test_files"
    files = [path for path in sorted(folder.glob("*.dcm")) if path.is_file()]
    return [path for path in files if path.stat().st_size < REAL_FILE_BYTES_MAX][:24]


def _open_files(target: GatewayTarget) -> int:
    # The ledger opens its connections when they are first needed; the soak sees if they pile up.
    return target.tree.open_files(except_for=LEDGER)


def _names_outside(target: GatewayTarget) -> set[str]:
    """Give the names of all files and folders beside the data, and of the data's own top."""
    everything = target.folder.parent.rglob("*")
    inside = target.data.iterdir()
    return {str(path) for path in everything if target.data not in path.parents} | {
        str(path) for path in inside if not path.name.startswith(LEDGER)
    }


def _strange_names(target: GatewayTarget) -> list[str]:
    names = (path.name for path in target.data.rglob("*"))
    return [name for name in names if not OWN_NAMES.fullmatch(name) or "CANARY" in name]
