"""Several archives answer as one: a slow, a dead and a dying one must not cost what others have."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final

from trials import wire_queries
from trials.bridged import JSON, Site, Web, bridge, study_uid, timed
from trials.gateway import free_port
from trials.relay import Relay
from trials.targets import GatewayTarget
from trials.trial import Options, Result

ALL: Final = "ALL"
PAIR: Final = "PAIR"
HEALTHY: Final = "HEALTHY"
# Behind the first match of the healthy one alone.
FIRST_SECONDS_MAX: Final = 0.1
# Seconds on a machine that others use say little.
FIRST_SECONDS_MAX_SHORT: Final = 1.0
_STUDIES: Final = 4
_INSTANCES: Final = 60
_INSTANCE_BYTES: Final = 200_000
_CLIENTS: Final = 50
_BEGINNING: Final = 200  # bytes, of the first match


def run(options: Options) -> Result:
    """Find with one slow and one dead archive; fetch while the first holder dies; fetch as many."""
    with ExitStack() as opened:
        sites = {name: Site.start(options, name, opened) for name in ("first", "second")}
        for site in sites.values():
            site.fill(range(_STUDIES), _INSTANCES, _INSTANCE_BYTES)
        more = (
            f'[destinations.dead]\ntype = "dimse"\nhost = "127.0.0.1"\nport = {free_port()}\n'
            'ae_title = "DEAD"\n'
            f'[entities.{ALL}]\nanswers = ["second", "first-web", "dead"]\ndeadline_seconds = 3\n'
            f'[entities.{HEALTHY}]\nanswers = "first-web"\n'
            f'[entities.{PAIR}]\nanswers = ["first-web", "second"]\n'
            f'[entities.{PAIR}2]\nanswers = ["first", "second-web"]\n'
        )
        gateway = bridge(options, sites, more)
        opened.callback(gateway.kill)
        gateway.start()
        figures: dict[str, object] = {}
        passed = all(
            [
                _found(gateway, sites, figures, options),
                _crowd(gateway, sites, figures),
                _dying(gateway, sites, figures, PAIR, study=1),
                _dying(gateway, sites, figures, f"{PAIR}2", study=2),
            ]
        )
        passed &= gateway.stop() == 0
    return Result(passed, figures)


def _found(
    gateway: GatewayTarget, sites: dict[str, Site], figures: dict[str, object], options: Options
) -> bool:
    """The healthy archive's matches must not wait for the slow one and the dead one."""
    turns = options.count(long=3, short=1)
    most = FIRST_SECONDS_MAX_SHORT if options.short else FIRST_SECONDS_MAX
    passed = True
    for name, ask, end in (("C-FIND", _asked, "0000"), ("QIDO", _asked_over_http, "second dead")):
        asked = [_pair(gateway, sites["second"].dimse, ask) for _ in range(turns)]
        alone = median([one.first for one, _ in asked])
        first = median([one.first for _, one in asked])
        is_all = all(one.matches == _STUDIES for _, one in asked)
        is_told = all(word in one.end for word in end.split() for _, one in asked)
        figures[f"{name} of three"] = (
            f"first after {first * 1e3:.0f} ms, of the healthy one {alone * 1e3:.0f}, "
            f"all {_STUDIES}: {is_all}, ends as it should: {is_told}"
        )
        passed &= is_all and is_told and first - alone <= most
    return passed


def _pair(
    gateway: GatewayTarget, slow: Relay, ask: Callable[[GatewayTarget, str], "_Told"]
) -> tuple["_Told", "_Told"]:
    """Ask the healthy one alone, then all three; both when everybody is awake."""
    with wire_queries.associated(gateway.port, PAIR) as connection:
        wire_queries.find(connection)
        wire_queries.outcome(connection)
    ask(gateway, HEALTHY)
    alone = ask(gateway, HEALTHY)
    slow.is_silent = True
    try:
        return alone, ask(gateway, ALL)
    finally:
        slow.is_silent = False
        slow.drop()


@dataclass(frozen=True, slots=True)
class _Told:
    """What came of a search. `end`: its status, or its warning."""

    first: float  # seconds until the first match
    matches: int
    end: str


def _asked(gateway: GatewayTarget, title: str) -> _Told:
    with wire_queries.associated(gateway.port, title) as connection:
        began = time.monotonic()
        first = 0.0
        wire_queries.find(connection)
        heard = wire_queries.Heard()
        for account in wire_queries.answers(connection):
            heard = account
            first = first or time.monotonic() - began
        return _Told(first, heard.matches, f"{heard.status:04x}")


def _asked_over_http(gateway: GatewayTarget, title: str) -> _Told:
    began = time.monotonic()
    answer = Web(gateway, title).ask("/studies", JSON)
    begin = answer.read(_BEGINNING)
    first = time.monotonic() - began
    matches = len(json.loads(begin + answer.read() or b"[]"))
    return _Told(first, matches, answer.getheader("Warning") or "")


def _crowd(gateway: GatewayTarget, sites: dict[str, Site], figures: dict[str, object]) -> bool:
    """Many want the same study at once: it is fetched once."""
    relay = sites["first"].dimse
    before, sizes = relay.back_bytes, [0] * _CLIENTS

    def fetch(number: int) -> None:
        _, status, body = timed(Web(gateway, "OLD"), f"/studies/{study_uid(0)}")
        sizes[number] = len(body) if status == 200 else 0

    clients = [threading.Thread(target=fetch, args=(number,)) for number in range(_CLIENTS)]
    began = time.monotonic()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    passed = relay.back_bytes - before
    of_study = _INSTANCES * _INSTANCE_BYTES
    figures[f"{_CLIENTS} clients"] = (
        f"{passed / of_study:.2f} times the study from the archive, "
        f"{time.monotonic() - began:.1f} s"
    )
    return passed < 1.2 * of_study and min(sizes) > of_study


def _dying(
    gateway: GatewayTarget,
    sites: dict[str, Site],
    figures: dict[str, object],
    entity: str,
    study: int,
) -> bool:
    """The first holder dies in the middle of a retrieve: all instances arrive nevertheless."""
    first = sites["first"]
    with wire_queries.associated(gateway.port, entity) as connection:
        wire_queries.get(connection, study_uid(study))
        heard = wire_queries.Heard()
        is_dead, began = False, time.monotonic()
        for heard in wire_queries.answers(connection):
            if len(heard.instances) == _INSTANCES // 4 and not is_dead:
                is_dead = True
                for relay in first.relays:
                    relay.is_silent = True
                    relay.drop()
    for relay in first.relays:
        relay.is_silent = False
    instances = len(set(heard.instances))
    figures[f"holder of {entity} dies"] = (
        f"{instances} of {_INSTANCES} after {time.monotonic() - began:.1f} s, "
        f"status {heard.status:04x}"
    )
    return instances == _INSTANCES == len(heard.instances) and heard.status == 0
