"""Whoever goes away stops the work behind: canceled, closed, released; nothing is left of it."""

import contextlib
import http.client
import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Final

from trials import wire, wire_queries
from trials.bridged import JSON, OVER_DIMSE, OVER_WEB, Site, Web, bridge, study_uid
from trials.relay import Relay
from trials.targets import GatewayTarget
from trials.trial import Options, Result, percentile, seconds_until

STOP_SECONDS_MAX: Final = 1.0
GROWTH_MEGABYTES_MAX: Final = 24.0
_STUDIES: Final = 12
_INSTANCES: Final = 8
_INSTANCE_BYTES: Final = 300_000
_WARM: Final = 60
_SILENT: Final = 12  # of each kind of asker
_REST_SECONDS: Final = 3.0


def run(options: Options) -> Result:
    """Cancel at any moment, many times; then while an archive is silent, and see it let go."""
    number = options.count(long=10_000, short=120)
    chance = random.Random(options.seed)
    with ExitStack() as opened:
        site = Site.start(options, "archive", opened)
        site.fill(range(_STUDIES), _INSTANCES, _INSTANCE_BYTES)
        # What is in a cache is not asked for: all of it must come from the archive.
        gateway = bridge(options, {"archive": site}, "[cache]\nbytes_max = 0\n")
        opened.callback(gateway.kill)
        gateway.start()
        for _ in range(_WARM):
            _cancel_one(gateway, chance)
        _rest()
        files, memory = gateway.tree.open_files(), gateway.tree.rss_bytes()
        for _ in range(number):
            _cancel_one(gateway, chance)
        _rest()
        seconds = _let_go(gateway, site)
        _rest()
        grown = (gateway.tree.rss_bytes() - memory) / 1e6
        left = gateway.tree.open_files() - files
        still_served = _is_whole(gateway)
        stopped = gateway.stop()
    slowest = max((max(times) for times in seconds.values()), default=0.0)
    figures = {
        "canceled": number,
        "memory": f"{grown:+.0f} MB",
        "descriptors": f"{left:+d}",
        **{name: f"let go after {percentile(times, 0.5) * 1e3:.0f} ms, at most "
                 f"{max(times) * 1e3:.0f} ms" for name, times in seconds.items()},
        "afterwards": "everything is served" if still_served else "NOT ALL IS SERVED",
        "stopped with": stopped,
    }  # fmt: skip
    # Kept connections of both pools may be open or not.
    passed = left <= 8 and grown < GROWTH_MEGABYTES_MAX and slowest <= STOP_SECONDS_MAX
    return Result(passed and still_served and stopped == 0, figures)


def _cancel_one(gateway: GatewayTarget, chance: random.Random) -> None:
    """Ask for something and leave, in one of many ways, at some moment."""
    act = chance.choice((_leave_web, _leave_web, _cancel_get, _leave_get, _cancel_find))
    with contextlib.suppress(OSError, wire.Closed, http.client.HTTPException):
        act(gateway, chance)


def _leave_web(gateway: GatewayTarget, chance: random.Random) -> None:
    web = Web(gateway, chance.choice((OVER_DIMSE, OVER_WEB)))
    study = study_uid(chance.randrange(_STUDIES))
    path, accept = chance.choice(
        (
            (f"/studies/{study}", "*/*"),
            (f"/studies/{study}/metadata", JSON),
            ("/studies?PatientID=TRIAL-*", JSON),
            (f"/studies/{study}/series", JSON),
        )
    )
    web.begin(path, accept)
    if chance.random() < 0.5:
        web.connection.getresponse().read(chance.randrange(400_000))
    else:
        time.sleep(chance.random() * 0.03)
    web.close()


def _get(gateway: GatewayTarget, chance: random.Random) -> wire.Connection:
    entity = chance.choice((OVER_DIMSE, OVER_WEB))
    connection = wire_queries.associated(gateway.port, entity)
    wire_queries.get(connection, study_uid(chance.randrange(_STUDIES)))
    return connection


def _cancel_get(gateway: GatewayTarget, chance: random.Random) -> None:
    with _get(gateway, chance) as connection:
        enough = chance.randrange(_INSTANCES + 1)
        if not enough:
            wire_queries.cancel(connection, 3)
        for heard in wire_queries.answers(connection):
            if len(heard.instances) == enough:
                wire_queries.cancel(connection, 3)
                enough = -1
        connection.release()


def _leave_get(gateway: GatewayTarget, chance: random.Random) -> None:
    with _get(gateway, chance) as connection:
        enough = chance.randrange(_INSTANCES + 1)
        for heard in wire_queries.answers(connection):
            if len(heard.instances) >= enough:
                break
        if chance.random() < 0.5:
            connection.send(wire.pdu(wire.RELEASE_RQ, bytes(4)))


def _cancel_find(gateway: GatewayTarget, chance: random.Random) -> None:
    entity = chance.choice((OVER_DIMSE, OVER_WEB))
    with wire_queries.associated(gateway.port, entity) as connection:
        wire_queries.find(connection)
        time.sleep(chance.random() * 0.02)
        wire_queries.cancel(connection, 1)
        wire_queries.outcome(connection)
        connection.release()


# ---- while the archive says nothing --------------------------------------------------------


def _let_go(gateway: GatewayTarget, site: Site) -> Mapping[str, list[float]]:
    """Give how long it took until the connection to a silent archive was given up."""
    seconds: dict[str, list[float]] = {}
    for entity, relay in ((OVER_DIMSE, site.dimse), (OVER_WEB, site.web)):
        for name, begin in (("HTTP closed", _begin_web), ("C-CANCEL", _begin_get)):
            times = [_stopped_after(gateway, entity, relay, begin) for _ in range(_SILENT)]
            seconds[f"{name}, {entity}"] = times
    return seconds


def _begin_web(gateway: GatewayTarget, entity: str) -> Callable[[], None]:
    web = Web(gateway, entity)
    web.begin(f"/studies/{study_uid(0)}")
    return web.close


def _begin_get(gateway: GatewayTarget, entity: str) -> Callable[[], None]:
    connection = wire_queries.associated(gateway.port, entity)
    wire_queries.get(connection, study_uid(0))

    def leave() -> None:
        wire_queries.cancel(connection, 3)
        connection.close()

    return leave


def _stopped_after(
    gateway: GatewayTarget,
    entity: str,
    relay: Relay,
    begin: Callable[[GatewayTarget, str], Callable[[], None]],
) -> float:
    relay.drop()  # idle connections of the pool are not what is looked at
    time.sleep(0.05)
    relay.is_silent = True
    try:
        leave = begin(gateway, entity)
        if seconds_until(lambda: relay.connections > 0, 5.0) is None:
            return float("inf")
        time.sleep(0.1)
        leave()
        stopped = seconds_until(lambda: relay.connections == 0, 10.0)
        return float("inf") if stopped is None else stopped
    finally:
        relay.is_silent = False


def _is_whole(gateway: GatewayTarget) -> bool:
    """Fetch everything in both ways: nobody may have to pay for those who left."""
    for entity in (OVER_DIMSE, OVER_WEB):
        with wire_queries.associated(gateway.port, entity) as connection:
            for study in range(_STUDIES):
                wire_queries.get(connection, study_uid(study), study + 1)
                heard = wire_queries.outcome(connection)
                if heard.status or len(heard.instances) != _INSTANCES:
                    return False
            connection.release()
    return True


def _rest() -> None:
    time.sleep(_REST_SECONDS)
