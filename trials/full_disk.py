"""Full disks, short writes, failed syncs, no descriptors: never success for what is not kept.

Throughout, a C-ECHO is answered within a second (a new association may be told "later"); when the
fault is over, the service is back by itself within five seconds.
"""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trials import mounts, objects
from trials.gateway import Settings
from trials.holding import LEDGER, VAULT
from trials.probe import Probe
from trials.senders import Senders
from trials.targets import GatewayTarget
from trials.trial import Options, Result, seconds_until
from trials.wire import SUCCESS, Closed, associated

ECHO_MS_MAX: Final = 1000.0
BACK_SECONDS_MAX: Final = 5.0
DISK_MEGABYTES: Final = 48
BALLAST_MEGABYTES: Final = 24
DESCRIPTORS: Final = 96
CONNECTIONS: Final = 150

# name: (files that are hit, what happens to them)
FAULTS: Final = {
    "short write": (f"/{VAULT}/", {"FAULT_WRITE_SHORT": "7"}),
    "payload ENOSPC": (f"/{VAULT}/", {"FAULT_WRITE_FULL": "9"}),
    "payload EIO": (f"/{VAULT}/", {"FAULT_SYNC_EIO": "11"}),
    "ledger ENOSPC": (f"/{LEDGER}", {"FAULT_WRITE_FULL": "9"}),
    "ledger EIO": (f"/{LEDGER}", {"FAULT_SYNC_EIO": "5"}),
}


def run(options: Options) -> Result:
    """Try each fault on a gateway of its own."""
    verdicts: dict[str, str] = {}
    skipped = mounts.why_not()
    if skipped:
        verdicts["full disk"] = f"skipped: {skipped}"
    else:
        verdicts["full disk"] = _full_disk(options)
    if shutil.which("gcc"):
        shim = _build_shim(options.folder)
        for name, (path, fault) in FAULTS.items():
            verdicts[name] = _injected(options, name, {"FAULT_PATH": path, **fault}, shim)
    else:
        verdicts["injected faults"] = "skipped: gcc is not installed (make peers)"
    verdicts["no descriptors"] = _no_descriptors(options)
    passed = all(verdict.startswith(("ok", "skipped")) for verdict in verdicts.values())
    return Result(passed, verdicts)


def _full_disk(options: Options) -> str:
    with mounts.memory_file_system(options.folder / "disk", megabytes=DISK_MEGABYTES) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(BALLAST_MEGABYTES << 20))
        gateway = GatewayTarget(disk / "gateway", Settings())
        # The log is the operator's file system, not the store's.
        gateway.log = options.folder / "full-disk.log"
        return _tried(options, gateway, {}, lambda: None, ballast.unlink)


def _injected(options: Options, name: str, fault: dict[str, str], shim: Path) -> str:
    gateway = options.make_gateway(name.replace(" ", "-"))
    switch = options.folder / f"{name.replace(' ', '-')}.on"
    environment = {"LD_PRELOAD": str(shim), "FAULT_SWITCH": str(switch), **fault}
    return _tried(options, gateway, environment, switch.touch, switch.unlink)


def _tried(
    options: Options,
    gateway: GatewayTarget,
    environment: dict[str, str],
    begin: Callable[[], None],
    end: Callable[[], None],
) -> str:
    """Store through a fault and after it; give "ok" and figures, or what was wrong."""
    try:
        gateway.start(environment=environment)
        senders = Senders(gateway.port, gateway.called, count=4, round=1, keeps_trying=True)
        with Probe(gateway.port, gateway.called, keeps_one_open=True) as probe:
            begin()
            with senders:
                time.sleep(options.count(long=10, short=3))
            end()
            back = seconds_until(lambda: _is_storing(gateway, senders), BACK_SECONDS_MAX)
        gateway.stop()
        gateway.start()  # whole again, without faults
        gateway.stop()
    finally:
        gateway.kill()
    return _verdict(gateway, senders, probe, back)


def _verdict(gateway: GatewayTarget, senders: Senders, probe: Probe, back: float | None) -> str:
    holding = gateway.holding()
    lost = holding.lost(senders.acknowledged)
    refusals = {answer: n for answer, n in senders.answers.items() if answer != SUCCESS}
    problems = [
        f"{len(lost)} acknowledged are lost ({lost[0]})" if lost else "",
        f"{len(holding.faults)} visible faults ({holding.faults[0]})" if holding.faults else "",
        f"echo took {probe.slowest_ms:.0f} ms" if probe.slowest_ms > ECHO_MS_MAX else "",
        f"echo was answered {probe.refused[0]}" if probe.refused else "",
        "not back in time" if back is None else "",
    ]
    figures = (
        f"{len(senders.acknowledged)} acknowledged and held, refused {refusals or 0}, "
        f"echo at most {probe.slowest_ms:.0f} ms, back after {back or 0:.1f} s"
    )
    found = "; ".join(filter(None, problems))
    return f"FAILED: {found} ({figures})" if found else f"ok ({figures})"


def _is_storing(gateway: GatewayTarget, senders: Senders) -> bool:
    """Store one instance on a new association; what is acknowledged must be held as well."""
    uid = objects.instance_uid(99, time.monotonic_ns() % 10**12)  # a UID has 64 characters
    data_set = objects.instance(uid, size=4000)
    with contextlib.suppress(Closed, OSError):
        connection = associated(gateway.port, gateway.called)
        answer = connection.store(uid, data_set)
        connection.release()
        if answer == SUCCESS:
            senders.acknowledged[uid] = objects.digest(data_set)
        return answer == SUCCESS
    return False


def _no_descriptors(options: Options) -> str:
    gateway = options.make_gateway("descriptors")
    try:
        gateway.start(wrapper=["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"])
        opened = associated(gateway.port, gateway.called)
        senders = Senders(gateway.port, gateway.called, count=2, round=1)
        slowest = 0.0
        with senders, _crowd(gateway.port):
            for _ in range(options.count(long=50, short=10)):
                started = time.monotonic()
                answer = opened.echo()
                slowest = max(slowest, time.monotonic() - started)
                if answer != SUCCESS:
                    return f"FAILED: echo was answered {answer}"
                time.sleep(0.1)
        back = seconds_until(lambda: _is_storing(gateway, senders), BACK_SECONDS_MAX)
        opened.release()
        gateway.stop()
        gateway.start()  # what was named when the ledger could not be opened is adopted
        gateway.stop()
    finally:
        gateway.kill()
    probe = Probe(gateway.port, gateway.called, seconds=[slowest])
    return _verdict(gateway, senders, probe, back)


@contextmanager
def _crowd(port: int) -> Iterator[None]:
    """Keep more connections open than the gateway has descriptors for."""
    crowd = []
    for _ in range(CONNECTIONS):
        one = socket.socket()
        one.settimeout(0)  # the backlog may be full: nobody waits
        with contextlib.suppress(BlockingIOError):
            one.connect(("127.0.0.1", port))
        crowd.append(one)
    try:
        yield
    finally:
        for one in crowd:
            one.close()


def _build_shim(folder: Path) -> Path:
    source, shim = Path(__file__).with_name("faultfs.c"), folder / "faultfs.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-o", str(shim), str(source), "-ldl"], check=True
    )
    return shim
