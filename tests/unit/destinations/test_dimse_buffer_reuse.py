"""The one buffer of a session is read into again only when nobody looks at it any more.

On uvloop, whose transports keep slices of what they are given instead of copies: as in production.
"""

import asyncio
import hashlib

import pytest
import uvloop
from destination_rigs import HASTY_SECONDS, DimseRig

from hilum.kernel.outcome import Delivered

MIB = 1024 * 1024


def delivered(rig, parcels):
    async def main():
        session = rig.destination().session()
        given = {id(parcel): outcome async for parcel, outcome in session.deliver(parcels)}
        await session.aclose()
        return [given[id(parcel)] for parcel in parcels]

    with rig.peer.in_a_thread(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


@pytest.mark.slow
def test_a_slow_peer_gets_every_byte_and_does_not_run_out_of_time():
    rig = DimseRig()
    rig.peer.seconds_per_read = 0.004
    rig.answer_seconds = 2 * HASTY_SECONDS  # it takes several times as long
    parcels = [rig.parcel(1), rig.parcel(2)]
    # Every piece differs, so that one in the place of another is seen.
    contents = [b"".join(hashlib.sha512(b"%d" % n).digest() for n in range(230_000)), b"ab" * 9]
    for parcel, content in zip(parcels, contents, strict=True):
        rig.payloads.put(parcel.path, content)

    assert delivered(rig, parcels) == [Delivered()] * 2
    assert [stored.sha256 for stored in rig.peer.stored] == [
        hashlib.sha256(content).hexdigest() for content in contents
    ]
