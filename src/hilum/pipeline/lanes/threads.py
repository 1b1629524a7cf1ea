"""The threads that ask the ledger for all lanes of a process, so that the loop never waits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

# The ledger writes one at a time; a few more threads let reads go on beside a slow write.
THREADS: Final = 4


class LedgerThreads:
    """An `Aside` of a few threads."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="lanes")

    async def run(self, job: Callable[[], T]) -> T:
        """Give what `job` gives, or raise what it raises. A job that has begun is not cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, job)

    def close(self) -> None:
        """Wait for what was begun, and end."""
        self._executor.shutdown()
