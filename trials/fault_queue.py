"""Faults of our own: schedules, rates, routes, what an operator did, the configuration."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from trials.fault import EVERYTHING, SIZE_BYTES, Fault, as_world, send, send_one
from trials.fault_archives import destination
from trials.gateway import Gateway, free_port

from hilum.testing.peer import ScriptedPeer

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _closed_now() -> str:
    """Give a calendar that opens in three days."""
    return _DAYS[(datetime.now(UTC) + timedelta(days=3)).weekday()] + " 10:00-11:00"


def _routes(*routes: str) -> str:
    """Write routes to a destination that has its reasons not to be reached."""
    without = destination(free_port()).replace(EVERYTHING, "")
    return without + "".join(f"\n[[routes]]\n{route}\n" for route in routes)


@contextlib.contextmanager
def _slowly(_folder: Path) -> Iterator[str]:
    """Give an archive that is well, and a rate of years."""
    with ScriptedPeer().in_a_thread() as peer:
        yield destination(peer.port, more='rate = { bytes_per_second = "1 KiB" }')


def _send_three(gateway: Gateway) -> str:
    for number in (1, 2, 3):
        sent = send(gateway, number, size=10 * SIZE_BYTES)
    return sent.uid


def _remove_destination(gateway: Gateway) -> None:
    more = gateway.settings.more
    changed = more[: more.index("[destinations.pacs]")]
    _start_with(gateway, changed)


def _start_with(gateway: Gateway, more: str) -> None:
    gateway.stop()
    object.__setattr__(gateway.settings, "more", more)
    gateway.start()


def _then(*words: str) -> Callable[[Gateway], None]:
    def run(gateway: Gateway) -> None:
        done = gateway.run(*words)
        if done.returncode:
            raise ValueError(done.stderr)

    return run


def _stop(gateway: Gateway) -> None:
    gateway.stop()


def _send_behind_others(gateway: Gateway) -> str:
    for number in range(1, 8):
        sent = send(gateway, number)
    return sent.uid


FAULTS: Final = (
    Fault(
        "the destination's hours are over",
        ["between", "opens"],
        ["between", "[destinations.pacs]"],
        as_world(destination(free_port(), more=f'between = "{_closed_now()}"')),
        waits=True,
        is_owed=False,
    ),
    Fault(
        "the route's hours are over",
        ["between", "opens"],
        ["between", "everything"],
        as_world(destination(free_port()) + f'between = "{_closed_now()}"\n'),
        waits=True,
        is_owed=False,
    ),
    Fault(
        "the rate lets nothing through",
        ["rate"],
        ["rate", "[destinations.pacs]"],
        _slowly,
        act=_send_three,
        waits=True,
        is_owed=False,
    ),
    Fault(
        "the destination was taken out of the configuration",
        ["pacs", "not in the configuration"],
        ["[destinations.pacs]", "hilum queue replay"],
        as_world(destination(free_port())),
        then=_remove_destination,
    ),
    Fault(
        "an operator holds it",
        ["held", "archive moves"],
        ["hilum queue release"],
        as_world(destination(free_port())),
        then=_then("queue", "hold", "archive moves", "--destination", "pacs"),
    ),
    Fault(
        "an operator dropped it",
        ["dropped", "sent twice"],
        ["hilum queue replay", "--to pacs"],
        as_world(destination(free_port())),
        then=_then("queue", "drop", "sent twice", "--destination", "pacs"),
        is_owed=False,
    ),
    Fault(
        "it waits behind others for a destination that does not answer",
        ["connection refused"],
        ["running", "port"],
        as_world(destination(free_port())),
        act=_send_behind_others,
        waits=True,
    ),
    Fault(
        "the gateway does not run",
        ["gateway", "not running"],
        ["hilum serve"],
        as_world(destination(free_port(), more=f'between = "{_closed_now()}"')),
        then=_stop,
        waits=True,
        is_owed=False,
    ),
    Fault(
        "a typing mistake in a route's value",
        ["no route", "Modality", "CTT", "CT"],
        ["ct-to-pacs"],
        as_world(
            _routes(
                'name = "ct-to-pacs"\nwhen = { Modality = "CTT" }\nto = ["pacs"]',
                'name = "mr"\nwhen = { Modality = "MR", calling_ae_title = "M*" }\nto = ["pacs"]',
            )
        ),
        waits=True,
        is_owed=False,
    ),
    Fault(
        "a route before it stops",
        ["stop", "phantoms"],
        ["stop", "phantoms"],
        as_world(
            _routes(
                'name = "phantoms"\nwhen = { PatientID = "TRIAL*" }\nstop = true',
                'name = "everything"\nto = ["pacs"]',
            )
        ),
        waits=True,
        is_owed=False,
    ),
    Fault(
        "the route is switched off",
        ["everything", "switched off"],
        ["enabled = true"],
        as_world(_routes('name = "everything"\nto = ["pacs"]\nenabled = false')),
        waits=True,
        is_owed=False,
    ),
    Fault(
        "the study is not complete",
        ["study", "complete"],
        ["gather", "by itself"],
        as_world(
            _routes(
                'name = "studies"\nto = ["pacs"]\non = "study"\ngather = { quiet_seconds = 600 }'
            )
        ),
        waits=True,
        is_owed=False,
    ),
    Fault(
        "there are no routes",
        ["no routes"],
        ["[[routes]]"],
        as_world(destination(free_port()).replace(EVERYTHING, "")),
        waits=True,
        is_owed=False,
    ),
    Fault(
        "nothing of the name was ever received",
        ["never received"],
        ["log"],
        as_world(destination(free_port())),
        act=lambda gateway: send_one(gateway) + ".99",
        is_owed=False,
    ),
    Fault(
        "a route names a destination that is none",
        ["pcas"],
        ["pacs"],
        as_world(_routes('name = "everything"\nto = ["pcas"]')),
        witness="check",
    ),
    Fault(
        "a typing mistake in a route's keyword",
        ["Modalty"],
        ["Modality"],
        as_world(_routes('name = "ct"\nwhen = { Modalty = "CT" }\nto = ["pacs"]')),
        witness="check",
    ),
)
