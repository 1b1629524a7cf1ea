"""An access gate with everything around it given: keys, time, what is behind it."""

import asyncio
from datetime import UTC, datetime, timedelta

from asgi_client import Client

from hilum.ledger.key import AccessKey
from hilum.sources.web.access.gate import AccessGate
from hilum.sources.web.access.judge import Judge
from hilum.sources.web.access.key_ring import KeyRing
from hilum.sources.web.access.key_text import digest_of, make_key
from hilum.sources.web.access.rules import rules_of
from hilum.sources.web.caller import CALLER_STATE
from hilum.sources.web.settings import WebSourceSettings

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


class GivenClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000.0)


class Heard:
    """Keeps the events it is told."""

    def __init__(self) -> None:
        self.events = []

    def emit(self, event) -> None:
        self.events.append(event)


class Rig:
    """A gate before an application that says who called. `keys` may be changed."""

    def __init__(self, *, tokens=None, behind=None, **settings) -> None:
        self.clock = GivenClock()
        self.heard = Heard()
        self.audited = []
        self.keys = []
        self.callers = []
        self.reads = 0
        chosen = WebSourceSettings.model_validate(settings)
        self.judge = Judge(
            rules_of(chosen, "HILUM"),
            KeyRing(self._read, self.clock),
            tokens,
            requests_per_second=chosen.requests_per_second,
            monotonic=self.clock.monotonic,
        )
        self.application = AccessGate(
            behind or self._behind,
            lambda: self.judge,
            telemetry=self.heard,
            audit=self.audited.append,
        )

    def add_key(self, name="viewer", roles=("read",), entities=(), networks=(), **more):
        key_id, text = make_key()
        key = AccessKey(key_id, name, digest_of(text), roles, entities, networks, NOW, **more)
        self.keys.append(key)
        return text

    def ask(
        self, path="/dicom-web/studies", method="GET", *, address="10.0.0.5", host="gw", **headers
    ):
        client = Client(self.application, address=address, host=host)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.ask(method, path, headers=named)

    def status(self, *arguments, **named):
        return self.ask(*arguments, **named).status_code

    def _read(self):
        self.reads += 1
        return list(self.keys)

    async def _behind(self, scope, receive, send):
        del receive
        self.callers.append(scope["state"][CALLER_STATE])
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"behind"})


def bearer(text):
    return f"Bearer {text}"
