"""Closes an asynchronous iterator that is not read to its end, whether or not it can be closed."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar

_T = TypeVar("_T")


@contextlib.asynccontextmanager
async def closing(iterator: AsyncIterator[_T]) -> AsyncIterator[AsyncIterator[_T]]:
    """Give `iterator`; generators are closed at the end, so that they let go of what they hold.

    Ports promise iterators, and those of real implementations are generators.
    """
    try:
        yield iterator
    finally:
        close: Any = getattr(iterator, "aclose", None)
        if close is not None:
            await close()
