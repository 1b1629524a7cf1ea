"""A valid client of DICOMweb that keeps storing, searching and fetching: was it served?"""

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Final, Self

from trials import objects, web_bodies

ANSWER_SECONDS_MAX: Final = 5.0
_ROOT: Final = "/dicom-web"


@dataclass(slots=True)
class WebProbe:
    """Stores an instance of its own, finds it, and fetches it again, byte for byte."""

    port: int
    token: str
    pause_seconds: float = 0.1
    seconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _count: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    @property
    def slowest_ms(self) -> float:
        """Give the longest time an answer took."""
        return max(self.seconds, default=0.0) * 1e3

    @property
    def was_served(self) -> bool:
        """Tell whether every request was answered as it should be, and in time."""
        return (
            bool(self.seconds) and not self.refused and self.slowest_ms < ANSWER_SECONDS_MAX * 1e3
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._once()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.refused.append(f"{type(error).__name__}: {error}")
            self._stop.wait(self.pause_seconds)

    def _once(self) -> None:
        self._count += 1
        uid = objects.instance_uid(43, self._count)
        file = objects.part10(uid, size=3000, seed=self._count)
        kind, body = web_bodies.multipart([("Content-Type: application/dicom\r\n", file)])
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS_MAX)
        try:
            self._ask(connection, "POST", "/studies", {"Content-Type": kind}, body)
            found = self._ask(connection, "GET", f"/instances?SOPInstanceUID={uid}")
            if len(json.loads(found)) != 1:
                self.refused.append(f"{uid} is not found")
            accept = {"Accept": "application/dicom; transfer-syntax=*"}
            whole = self._ask(connection, "GET", f"/instances/{uid}", accept)
            if file[-2500:] not in whole:
                self.refused.append(f"{uid} is not what was stored")
        finally:
            connection.close()

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        started = time.monotonic()
        named = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        connection.request(method, _ROOT + path, body, named)
        answer = connection.getresponse()
        content = answer.read()
        self.seconds.append(time.monotonic() - started)
        if answer.status != http.HTTPStatus.OK:
            self.refused.append(f"{method}: {answer.status}")
        return content
