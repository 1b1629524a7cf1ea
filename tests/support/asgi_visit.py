"""One request to an ASGI application, watched while it is answered."""

import asyncio

from hilum.sources.web.exchange import WHEN_GONE_STATE


class AsgiVisit:
    """Asks, and shows what was sent until now. `leave` closes the connection."""

    def __init__(self, application, path, *, method="GET", accept="*/*", query=b""):
        self.status = None
        self.headers = {}
        self.body = b""
        self.is_over = False  # the last message was sent
        self.is_cut = False
        self._when_gone = None
        self._news = asyncio.Event()
        self._task = asyncio.ensure_future(
            application(self._scope(path, method, accept, query), self._receive, self._send)
        )
        self._task.add_done_callback(lambda _: self._news.set())

    async def until(self, condition):
        """Wait until something is so, or nothing more comes."""
        while not condition() and not self._task.done():
            self._news.clear()
            await self._news.wait()
        assert condition(), (self.status, self.body)

    async def end(self):
        """Wait for the end."""
        await self._task

    def leave(self):
        self._when_gone()

    def _scope(self, path, method, accept, query):
        return {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": [(b"host", b"localhost"), (b"accept", accept.encode())],
            "client": ("127.0.0.1", 50000),
            "server": ("localhost", 80),
            "state": {WHEN_GONE_STATE: self._watch, "hilum.cut_off": self._cut},
        }

    def _watch(self, act):
        self._when_gone = act

    def _cut(self):
        self.is_cut = True

    async def _receive(self):
        return await asyncio.Future()

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            self.body += message.get("body", b"")
            self.is_over = not message.get("more_body", False)
        self._news.set()
