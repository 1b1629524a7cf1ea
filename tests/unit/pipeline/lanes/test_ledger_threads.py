import asyncio
import threading

import pytest

from hilum.kernel.errors import Full
from hilum.pipeline.lanes.threads import LedgerThreads


def test_a_job_runs_beside_the_loop_and_gives_or_raises_what_it_does():
    def fail():
        raise Full("no room")

    async def scene():
        threads = LedgerThreads()
        try:
            with pytest.raises(Full):
                await threads.run(fail)
            return await threads.run(threading.current_thread)
        finally:
            threads.close()

    assert asyncio.run(scene()) is not threading.current_thread()
