"""Answers the other workers: one line in, one line out, both JSON, and the connection ends."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from hilum.service.workers.meeting import QUESTION_BYTES_MAX, Meeting

# Who asks has given up long before.
_SECONDS_MAX: Final = 5.0

# What a question is answered by; Any is JSON.
Answers = Mapping[str, Callable[[str], Any]]


class WorkerDoor:
    """Listens as one worker. `answers` are for the event loop and do not block."""

    def __init__(self, meeting: Meeting, worker: int, answers: Answers) -> None:
        self._meeting = meeting
        self._worker = worker
        self._answers = answers
        self._server: asyncio.Server | None = None

    async def look(self) -> None:
        """See to it that the others reach us: at the start, and when the socket is gone.

        Raises:
            OSError: that is not possible now.
        """
        if self._server is not None and self._meeting.has_socket(self._worker):
            return
        if self._server is not None:
            self._server.close()
        listener = self._meeting.listen(self._worker)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=QUESTION_BYTES_MAX
        )

    def close(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.close()
            self._meeting.leave(self._worker)
            self._server = None

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        # It is no question of ours, or who asks has gone; whoever it is sees the end.
        with suppress(OSError, ValueError, TypeError, KeyError, TimeoutError):
            async with asyncio.timeout(_SECONDS_MAX):
                question = json.loads(await reader.readline())
                answer = self._answers[question["ask"]](question["of"])
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()
