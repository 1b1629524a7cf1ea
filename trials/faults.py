"""Faults of routing and delivery: what `hilum explain` and `hilum queue` say first must be right.

Each gets a gateway of its own, one instance or a few, and one thing that is wrong. Right means that
the first advice names the cause and the remedy, and that `hilum queue` names the cause.
"""

import json
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from trials import fault_archives, fault_doors, fault_places, fault_queue, fault_servers
from trials.fault import Fault
from trials.gateway import DidNotStart, Gateway, Settings
from trials.trial import Options, Result, seconds_until
from trials.wire import Closed

FAULTS: Final = (
    *fault_archives.FAULTS,
    *fault_queue.FAULTS,
    *fault_servers.FAULTS,
    *fault_places.FAULTS,
    *fault_doors.FAULTS,
)
# So many of all must be explained right at once.
RIGHT_SHARE: Final = 0.9
_TRIED_SECONDS_MAX: Final = 20.0
_SHORT: Final = 14
# A gateway and the commands that ask about it keep one processor busy.
_SIDE_BY_SIDE: Final = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """What was said first about a fault; `missing` are words it should have had."""

    fault: Fault
    cause: str
    remedy: str
    missing: Sequence[str]


def run(options: Options) -> Result:
    """Make each fault and ask about it."""
    faults = [fault for fault in FAULTS if not fault.skipped]
    if options.short:
        faults = random.Random(options.seed).sample(faults, _SHORT)
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        findings = list(pool.map(lambda pair: _found(pair[1], options, pair[0]), enumerate(faults)))
    for finding in findings:
        print(_line(finding), flush=True)
    right = sum(not finding.missing for finding in findings)
    figures: dict[str, object] = {
        "faults": len(findings),
        "right first": right,
        "wrong": [one.fault.name for one in findings if one.missing] or "none",
        "skipped": [one.name for one in FAULTS if one.skipped] or "none",
    }
    return Result(right >= RIGHT_SHARE * len(findings), figures)


def _line(finding: Finding) -> str:
    mark = "right" if not finding.missing else "WRONG"
    text = f"  {mark}  {finding.fault.name}\n         {finding.cause}\n         {finding.remedy}"
    return text + (f"\n         missing: {', '.join(finding.missing)}" if finding.missing else "")


def _found(fault: Fault, options: Options, number: int) -> Finding:
    folder = options.folder / f"fault-{number}"
    folder.mkdir(parents=True)
    with fault.world(folder) as toml:
        gateway = Gateway(folder / "gateway", Settings(more=toml))
        try:
            return _asked(fault, gateway)
        except (Closed, DidNotStart, OSError, ValueError, KeyError) as error:
            return Finding(fault, f"{type(error).__name__}: {error}", "", ["anything"])
        finally:
            gateway.stop()


def _asked(fault: Fault, gateway: Gateway) -> Finding:
    if fault.witness == "check":
        return _judged(fault, " ".join(gateway.run("check").stderr.split()), "")
    gateway.start()
    name = fault.act(gateway)
    if fault.witness == "log":
        seconds_until(lambda: bool(_warnings(gateway)), _TRIED_SECONDS_MAX)
        return _judged(fault, (_warnings(gateway) or ["nothing"])[0], "")
    seconds_until(lambda: _is_settled(gateway, waits=fault.waits), _TRIED_SECONDS_MAX)
    fault.then(gateway)
    said = json.loads(gateway.run("explain", name, "--json").stdout)
    first = said["advice"][0] if said["advice"] else {"cause": "nothing is wrong", "remedy": ""}
    queue = " ".join(gateway.run("queue").stdout.split()) if fault.is_owed else None
    return _judged(fault, first["cause"], first["remedy"], queue)


def _warnings(gateway: Gateway) -> list[str]:
    return [line for line in gateway.log_text().splitlines() if " warning " in line]


def _judged(fault: Fault, cause: str, remedy: str, queue: str | None = None) -> Finding:
    whole = f"{cause} {remedy}".lower()
    missing = [word for word in fault.cause if word.lower() not in cause.lower()]
    missing += [word for word in fault.remedy if word.lower() not in (remedy or whole).lower()]
    if queue is not None:
        missing += [f"{w} (queue)" for w in fault.cause if w.lower() not in queue.lower()]
    return Finding(fault, cause, remedy, missing)


def _is_settled(gateway: Gateway, *, waits: bool) -> bool:
    deliveries: list[dict[str, Any]] = json.loads(gateway.page("/api/v1/queue")[1])["deliveries"]
    if waits:
        time.sleep(0.3)  # for whatever should not happen
        return True
    return bool(deliveries) and all(
        one["state"] in ("refused", "held") or (one["attempts"] and one["state"] != "active")
        for one in deliveries
    )
