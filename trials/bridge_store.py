"""What was stored through a bridge is in the archive: whatever breaks while it is on its way.

The archive is killed, the network cut or silenced, the bridge killed; the sender keeps what got no
success and sends it again. In the end every instance that got one must be in the archive.
"""

import contextlib
import random
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from trials import objects, wire
from trials.bridged import OVER_DIMSE, OVER_WEB, Site, bridge
from trials.targets import GatewayTarget
from trials.trial import Options, Result

_SENDERS: Final = 4
_INSTANCE_BYTES: Final = 60_000
_PAUSE_SECONDS: Final = 0.15


@dataclass(slots=True)
class _Sent:
    """What senders were told."""

    acknowledged: dict[str, bytes] = field(default_factory=dict)
    warned: int = 0
    refused: int = 0
    lost: int = 0


def run(options: Options) -> Result:
    """Send while something breaks again and again; then compare."""
    rounds = options.count(long=150, short=6)
    chance = random.Random(options.seed)
    sent = _Sent()
    with ExitStack() as opened:
        site = Site.start(options, "archive", opened)
        gateway = bridge(options, {"archive": site})
        opened.callback(gateway.kill)
        gateway.start()
        stop = threading.Event()
        senders = [
            threading.Thread(target=_send, args=(gateway, number, sent, stop), daemon=True)
            for number in range(_SENDERS)
        ]
        for sender in senders:
            sender.start()
        for _ in range(rounds):
            time.sleep(chance.uniform(0.1, 0.6))
            _break(gateway, site, chance)
        time.sleep(1.0)
        stop.set()
        for sender in senders:
            sender.join(60)
        gateway.stop()
        site.gateway.stop()
        missing = site.gateway.holding().lost(sent.acknowledged)
        kept_here = len(gateway.holding().digests)
    figures = {
        "breaks": rounds,
        "acknowledged": len(sent.acknowledged),
        "missing at the archive": len(missing),
        "warned": sent.warned,
        "refused": sent.refused,
        "lost answers": sent.lost,
        "held by the bridge itself": kept_here,
    }
    enough = len(sent.acknowledged) > rounds
    return Result(not missing and not sent.warned and not kept_here and enough, figures)


def _send(gateway: GatewayTarget, sender: int, sent: _Sent, stop: threading.Event) -> None:
    """Store one instance after another, each until it got success."""
    entity = OVER_WEB if sender % 2 else OVER_DIMSE
    number = 0
    while not stop.is_set():
        with contextlib.suppress(OSError, wire.Closed):
            with wire.associated(gateway.port, entity) as connection:
                connection.socket.settimeout(60)
                while not stop.is_set():
                    uid = objects.instance_uid(8, sender, number)
                    content = objects.instance(uid, size=_INSTANCE_BYTES, seed=number)
                    answer = connection.store(uid, content)
                    if answer == wire.SUCCESS:
                        sent.acknowledged[uid] = objects.digest(content)
                        number += 1
                    elif answer.startswith("b"):
                        sent.warned += 1
                    elif len(answer) == len(wire.SUCCESS):
                        sent.refused += 1
                        time.sleep(_PAUSE_SECONDS)
                    else:
                        raise wire.Closed(answer)
            continue
        sent.lost += 1
        time.sleep(_PAUSE_SECONDS)


def _break(gateway: GatewayTarget, site: Site, chance: random.Random) -> None:
    """Break something, and have it work again."""
    what = chance.choice(("drop", "silence", "cut", "archive", "bridge"))
    if what == "drop":
        for relay in site.relays:
            relay.drop()
    elif what == "silence":
        for relay in site.relays:
            relay.is_silent = True
        time.sleep(chance.uniform(0.1, 1.0))
        for relay in site.relays:
            relay.drop()
            relay.is_silent = False
    elif what == "cut":
        for relay in site.relays:
            relay.cut_after = chance.randrange(1, 2000)
        time.sleep(chance.uniform(0.1, 0.5))
        for relay in site.relays:
            relay.cut_after = 0
    elif what == "archive":
        site.gateway.kill()
        time.sleep(chance.uniform(0.0, 0.5))
        site.gateway.start()
    else:
        gateway.kill()
        gateway.start()
