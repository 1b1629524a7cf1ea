"""Damage the ledger, then payloads: everything comes back from the vault, nothing false does."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from trials.gateway import DidNotStart
from trials.holding import INSTANCES, LEDGER, VAULT
from trials.senders import Senders
from trials.targets import GatewayTarget
from trials.trial import Options, Result

Damage = Callable[[Path, random.Random], None]
REBUILD_SECONDS_MAX: Final = 120.0


def _deleted(ledger: Path, _: random.Random) -> None:
    for companion in ("", "-wal", "-shm"):
        Path(f"{ledger}{companion}").unlink(missing_ok=True)


def _empty(ledger: Path, _: random.Random) -> None:
    ledger.write_bytes(b"")


def _header_garbled(ledger: Path, chooser: random.Random) -> None:
    _overwrite(ledger, 0, chooser.randbytes(100))


def _pages_garbled(ledger: Path, chooser: random.Random) -> None:
    size = ledger.stat().st_size
    for page in range(4096, size - 4096, max(4096, size // 8 // 4096 * 4096)):
        _overwrite(ledger, page, chooser.randbytes(4096))


def _truncated(ledger: Path, _: random.Random) -> None:
    with ledger.open("r+b") as file:
        file.truncate(ledger.stat().st_size // 2)


def _overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


DAMAGES: Final[dict[str, Damage]] = {
    "deleted": _deleted,
    "empty": _empty,
    "header garbled": _header_garbled,
    "pages garbled": _pages_garbled,
    "truncated": _truncated,
}


def run(options: Options) -> Result:
    """Try each damage on a gateway that holds some instances."""
    chooser = random.Random(options.seed)
    figures: dict[str, object] = {}
    passed = True
    for name, damage in DAMAGES.items():
        back, of, how = _rebuilt(options, name, damage, chooser)
        figures[name] = f"{back} of {of} back ({how})"
        passed &= back == of > 0
    listed = _damaged_payloads(options, chooser)
    figures["damaged payloads listed as good"] = listed
    return Result(passed and listed == 0, figures)


def _rebuilt(
    options: Options, name: str, damage: Damage, chooser: random.Random
) -> tuple[int, int, str]:
    gateway = options.make_gateway(name.replace(" ", "-"))
    try:
        acknowledged = _filled(gateway, options)
        damage(gateway.data / LEDGER, chooser)
        how = _start_or_rebuild(gateway)
        lost = gateway.holding().lost(acknowledged)
    finally:
        gateway.kill()
    return len(acknowledged) - len(lost), len(acknowledged), how


def _filled(gateway: GatewayTarget, options: Options) -> dict[str, bytes]:
    gateway.start()
    each = options.count(long=500, short=30)
    with Senders(gateway.port, gateway.called, count=2, round=1, each_max=each) as senders:
        senders.wait()
    gateway.stop()
    return senders.acknowledged


def _start_or_rebuild(gateway: GatewayTarget) -> str:
    """Start; when that is refused, do what the operator is told to: `hilum rebuild`."""
    try:
        gateway.start(seconds_max=REBUILD_SECONDS_MAX)
    except DidNotStart:
        done = gateway.run("rebuild", seconds_max=REBUILD_SECONDS_MAX)
        if done.returncode:
            return f"hilum rebuild failed: {done.stderr[-200:]}"
        try:
            gateway.start()
        except DidNotStart as error:
            return f"did not start: {error}"
        gateway.stop()
        return "hilum rebuild"
    gateway.stop()
    return "by itself"


def _damaged_payloads(options: Options, chooser: random.Random) -> int:
    """Cut, flip and blank payload files and rebuild; count those that are listed as if whole."""
    gateway = options.make_gateway("payloads")
    try:
        _filled(gateway, options)
        vault = gateway.data / VAULT
        files = sorted((vault / INSTANCES).rglob("*.dcm"))
        damaged = chooser.sample(files, 6)
        for number, path in enumerate(damaged):
            _damage_payload(path, number, chooser)
        _deleted(gateway.data / LEDGER, chooser)
        _start_or_rebuild(gateway)
    finally:
        gateway.kill()
    holding = gateway.holding()
    whole = len(holding.digests)
    # Each file that is left under a visible name must be whole and listed; the others are aside.
    return len(holding.faults) + abs(len(files) - len(damaged) - whole)


def _damage_payload(path: Path, number: int, chooser: random.Random) -> None:
    size = path.stat().st_size
    if number % 3 == 0:
        with path.open("r+b") as file:
            file.truncate(chooser.randrange(1, size))
    elif number % 3 == 1:
        offset = chooser.randrange(size - 4000, size - 1)
        _overwrite(path, offset, bytes([path.read_bytes()[offset] ^ 0x10]))
    else:
        _overwrite(path, size // 2, bytes(512))
