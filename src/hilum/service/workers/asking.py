"""Asks the other workers, all at the same time; one that does not answer soon is named instead."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hilum.service.workers.meeting import ANSWER_BYTES_MAX, Meeting

# An answer takes a millisecond; people who look at a list do not wait for a worker that hangs.
PATIENCE_SECONDS: Final = 0.4


@dataclass(frozen=True, slots=True)
class Heard:
    """What a worker has answered; Any is JSON."""

    worker: int
    answer: Any


@dataclass(frozen=True, slots=True)
class Unheard:
    """A worker that did not answer."""

    worker: int
    reason: str


class Colleagues:
    """The other workers of this gateway: none, where it is one process."""

    def __init__(self, meeting: Meeting | None, others: Sequence[int]) -> None:
        self._meeting = meeting
        self._others = others if meeting is not None else ()

    async def ask(self, question: str, of: str = "") -> Sequence[Heard | Unheard]:
        """Ask all of them; raises nothing. In the order of their numbers."""
        return await asyncio.gather(*(self._asked(one, question, of) for one in self._others))

    async def _asked(self, worker: int, question: str, of: str) -> Heard | Unheard:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return Heard(worker, await self._answer(worker, question, of))
        except TimeoutError:
            return Unheard(worker, f"it did not answer within {PATIENCE_SECONDS:g} s")
        except (FileNotFoundError, ConnectionError):
            return Unheard(worker, "it is not running now")
        except (OSError, ValueError) as error:
            return Unheard(worker, f"it cannot be asked: {error}")

    async def _answer(self, worker: int, question: str, of: str) -> Any:
        assert self._meeting is not None  # noqa: S101 - else there are no others
        address = self._meeting.address_of(worker)
        reader, writer = await asyncio.open_unix_connection(address, limit=ANSWER_BYTES_MAX)
        try:
            writer.write(json.dumps({"ask": question, "of": of}).encode() + b"\n")
            line = await reader.readline()
        finally:
            writer.close()
        if not line.endswith(b"\n"):
            raise ConnectionResetError
        return json.loads(line)
