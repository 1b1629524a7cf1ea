"""Faults of those who bring us something: what we never had only the log can explain."""

import contextlib
from typing import Final

from trials import objects
from trials.fault import Fault, as_world
from trials.gateway import Gateway
from trials.wire import Closed, Connection, associated


def _call_wrong_title(gateway: Gateway) -> str:
    with contextlib.suppress(Closed), Connection(gateway.port) as connection:
        connection.associate("HILLUM")
    return ""


def _send_garbage(gateway: Gateway) -> str:
    uid = objects.instance_uid(5, 1)
    with associated(gateway.port, gateway.called) as connection:
        connection.store(uid, objects.instance(uid, size=2000)[:900])
    return uid


def _call_from_stranger(gateway: Gateway) -> str:
    with contextlib.suppress(Closed), Connection(gateway.port) as connection:
        connection.associate(gateway.called, calling="STRANGER")
    return ""


FAULTS: Final = (
    Fault(
        "a caller gets our AE title wrong",
        ["HILLUM", "called AE title"],
        ["HILUM"],
        as_world(""),
        act=_call_wrong_title,
        witness="log",
    ),
    Fault(
        "a caller is not the peer it says it is",
        ["STRANGER"],
        ["peers.ct1.host"],
        as_world('[peers.ct1]\nae_title = "STRANGER"\nhost = "10.1.2.3"\n'),
        act=_call_from_stranger,
        witness="log",
    ),
    Fault(
        "what was sent is not whole",
        ["refused", "TRIALS", "ends"],
        [],
        as_world(""),
        act=_send_garbage,
        witness="log",
    ),
)
