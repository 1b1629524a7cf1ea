"""One process of several that share a cache: `python cache_process.py FOLDER SEED SECONDS`.

It fetches, lists, pins, reads and evicts at random, and says in JSON what it saw. A payload that is
pinned and cannot be read, or has other bytes than it should, is what must never be.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from cache_rigs import VaultRig, fetched, read_all

from hilum.pipeline.caching import librarian, pins
from hilum.testing.datasets import instance
from hilum.vault.cache import leases

STUDIES, COUNT = 6, 4
# The real ones scaled down, so that much is evicted in a second.
GRACE_SECONDS, RENEWED_SECONDS, LOOK_SECONDS = 0.4, 0.04, 0.05


class SystemClock:
    """The real one."""

    def monotonic(self):
        return time.monotonic()

    def now(self):
        return datetime.now(UTC)


class Visitor:
    """What one process does."""

    def __init__(self, rig, seed):
        self.rig, self.random, self.seen = rig, random.Random(seed), Counter()

    async def visit(self):
        """Get a study: what is here is pinned and read, the rest is fetched."""
        study = self.random.randrange(STUDIES)
        wanted = [instance(seed=number, study=study) for number in range(COUNT)]
        here = dict(await self.rig.cache.held("pacs", wanted))
        for holding in here.values():
            self.rig.cache.pin(holding)
        self.seen["hits"] += len(here)
        rest = [one for one in wanted if one.sop_instance_uid not in here]
        for holding in await fetched(self.rig.cache, *rest):
            here[holding.sop_instance_uid] = holding
            self.seen["fetched"] += 1
        await asyncio.sleep(self.random.random() * 2 * GRACE_SECONDS)
        for one in wanted:
            self.check(one, here[one.sop_instance_uid])
            self.rig.cache.unpin(here[one.sop_instance_uid])

    def check(self, one, holding):
        try:
            content = read_all(self.rig.open_payload(holding.path))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
            self.seen[f"wrong: {type(error).__name__}"] += 1
        else:
            self.seen["right" if content == one.data_set else "wrong: bytes"] += 1

    async def visit_until(self, end):
        while time.monotonic() < end:
            await self.visit()

    async def look_until(self, end):
        while time.monotonic() < end:
            await asyncio.sleep(LOOK_SECONDS)
            await self.rig.cache.look()
            self.seen["evicted"] += sum(one.payloads for one in self.rig.cache.looked.gone)


async def main(folder, seed, seconds):
    leases.GRACE_SECONDS = pins.GRACE_SECONDS = GRACE_SECONDS
    leases._RENEWED_SECONDS = RENEWED_SECONDS
    librarian._DROPPED_AT_ONCE = 2
    size = len(instance(seed=0).data_set)
    rig = VaultRig(Path(folder), clock=SystemClock(), bytes_max=3 * COUNT * size)
    async with rig.running():
        visitor = Visitor(rig, seed)
        end = time.monotonic() + float(seconds)
        looking = asyncio.create_task(visitor.look_until(end + 60))
        await asyncio.gather(*[visitor.visit_until(end) for _ in range(3)])
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    print(json.dumps(visitor.seen))  # noqa: T201 - its answer


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
