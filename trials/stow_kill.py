"""Kill -9 at random moments while instances arrive by STOW-RS: what was answered is still held.

As `kill`, through the other door. Requests bring several instances; what the answer names is held
afterwards with the bytes that were sent, and what was deleted in between does not come back.
"""

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from trials import objects
from trials.gateway import Settings
from trials.targets import GatewayTarget
from trials.trial import Options, Result
from xxhash import xxh3_128

CLIENTS: Final = 3
SIZES: Final = (2_000, 16_000, 64_000, 1_500_000)
PARTS: Final = (1, 1, 4, 12)
_BOUNDARY: Final = "boundary-of-a-trial"
_SECONDS_MAX: Final = 10.0
_DELETED_EVERY: Final = 5
_MAY_DELETE: Final = {"HILUM__SOURCES__WEB__LOCAL_DELETE": "true"}


@dataclass(slots=True)
class _Client:
    """Stores until it is cut off, and deletes one in a while; remembers what it was answered."""

    port: int
    number: str
    chooser: random.Random
    stored: dict[str, bytes] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS_MAX)
        count = 0
        try:
            while True:
                count = self._store(connection, count)
                if self.chooser.randrange(_DELETED_EVERY) == 0 and self.stored:
                    self._delete(connection, self.chooser.choice(list(self.stored)))
        except (OSError, http.client.HTTPException):
            return

    def _store(self, connection: http.client.HTTPConnection, count: int) -> int:
        sent: dict[str, bytes] = {}
        body = bytearray()
        for _ in range(self.chooser.choice(PARTS)):
            count += 1
            uid = f"{objects.ROOT}.{self.number}.{count}"
            size = self.chooser.choice(SIZES)
            sent[uid] = xxh3_128(objects.instance(uid, size=size, seed=count)).digest()
            body += f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
            body += objects.part10(uid, size=size, seed=count) + b"\r\n"
        body += f"--{_BOUNDARY}--\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
        connection.request("POST", "/dicom-web/studies", bytes(body), {"Content-Type": kind})
        answer = json.loads(connection.getresponse().read())
        for item in answer.get("00081199", {}).get("Value", []):
            uid = item["00081155"]["Value"][0]
            self.stored[uid] = sent[uid]
        return count

    def _delete(self, connection: http.client.HTTPConnection, uid: str) -> None:
        del self.stored[uid]
        connection.request("DELETE", f"/dicom-web/instances/{uid}")
        answer = connection.getresponse()
        answer.read()
        if answer.status == 204:
            self.deleted.add(uid)


@dataclass(slots=True)
class _Tally:
    kills: int = 0
    stored: dict[str, bytes] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    risen: list[str] = field(default_factory=list)
    acknowledged: int = 0
    gone: int = 0


def run(options: Options) -> Result:
    """Kill `hilum serve` with both durabilities."""
    if options.target != "hilum":
        return Result(passed=False, skipped="other receivers have no such door")
    tally = _Tally()
    chooser = random.Random(options.seed)
    for durability in ("power", "process"):
        target = options.make_gateway(durability, Settings(durability=durability))
        _kill_often(target, options.count(long=40, short=3), chooser, tally)
    passed = not (tally.lost or tally.faults or tally.risen) and tally.acknowledged > 0
    return Result(
        passed,
        {
            "kills": tally.kills,
            "acknowledged": tally.acknowledged,
            "deleted": tally.gone,
            "lost": len(tally.lost),
            "came back": len(tally.risen),
            "half-written or unlisted": len(tally.faults),
            **(
                {"for example": (tally.lost + tally.risen + tally.faults)[:3]} if not passed else {}
            ),
        },
    )


def _kill_often(target: GatewayTarget, kills: int, chooser: random.Random, tally: _Tally) -> None:
    tally.stored, tally.deleted = {}, set()
    try:
        for number in range(kills):
            target.start(environment=_MAY_DELETE)
            _store_until_killed(target, number + 1, chooser, tally)
            tally.kills += 1
        target.start()  # the last recovery
        target.stop()
    finally:
        target.kill()
    holding = target.holding()
    tally.lost += holding.lost(tally.stored)
    tally.risen += sorted(tally.deleted & holding.versions.keys())
    tally.faults += holding.faults
    tally.acknowledged += len(tally.stored)
    tally.gone += len(tally.deleted)


def _store_until_killed(
    target: GatewayTarget, number: int, chooser: random.Random, tally: _Tally
) -> None:
    clients = [
        _Client(target.web_port, f"{number}.{one}", random.Random(chooser.randrange(1 << 30)))
        for one in range(1, CLIENTS + 1)
    ]
    threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    time.sleep(chooser.uniform(0.05, 1.0))
    target.kill()
    for thread in threads:
        thread.join()
    for client in clients:
        tally.stored |= client.stored
        tally.deleted |= client.deleted
