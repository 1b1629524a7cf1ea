"""Questions under way, so that who asks the same meanwhile waits for the same answer."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class _Call(Generic[_T]):
    """A question under way, and how many wait for its answer."""

    task: "asyncio.Task[_T]"
    waiting: int = 0


class Calls(Generic[_T]):
    """Questions of one kind to one answerer. Lives on the event loop."""

    def __init__(self) -> None:
        self._calls: dict[Hashable, _Call[_T]] = {}

    def __len__(self) -> int:
        """Give how many are under way."""
        return len(self._calls)

    # Any: what a coroutine is sent is the loop's affair.
    async def of(self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Give the answer to `key`: of who has asked it and waits, or by asking. Raises as that."""
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call(asyncio.ensure_future(ask()))
        call.waiting += 1
        try:
            return await asyncio.shield(call.task)
        finally:
            call.waiting -= 1
            if not call.waiting:
                await self._stop(key, call)

    async def _stop(self, key: Hashable, call: _Call[_T]) -> None:
        """Nobody waits any more: stop asking, if it is not answered yet."""
        if self._calls.get(key) is call:
            del self._calls[key]
        if not call.task.done():
            call.task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([call.task])
