"""Asks an ASGI application as a server would, without one."""

import asyncio
import json as json_format
from urllib.parse import urlencode


class Answer:
    def __init__(self, status_code, headers, content) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content

    def json(self):
        return json_format.loads(self.content)


class Client:
    """A caller at `address` who believes to speak to `host`."""

    def __init__(self, application, *, address="127.0.0.1", host="localhost") -> None:
        self._application = application
        self._address = address
        self._host = host
        self.server = (host, 80)

    def get(self, path, *, params=(), headers=()):
        return self.ask("GET", path, params=params, headers=headers)

    def post(self, path, *, json=None, content=b"", headers=()):
        headers = dict(headers)
        if json is not None:
            content = json_format.dumps(json).encode()
            headers.setdefault("content-type", "application/json")
        return self.ask("POST", path, content=content, headers=headers)

    def ask(self, method, path, *, params=(), content=b"", headers=()):
        return asyncio.run(self._ask(method, path, urlencode(dict(params)), content, dict(headers)))

    async def _ask(self, method, path, query, content, headers):
        names = {"host": self._host, "content-length": str(len(content)), **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            # A header of None is one that is left out.
            "headers": [
                (k.lower().encode(), v.encode()) for k, v in names.items() if v is not None
            ],
            "client": (self._address, 50000),
            "server": self.server,
        }
        sent = []
        asked = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive():
            if asked:
                return asked.pop()
            return await asyncio.Future()

        async def send(message) -> None:
            sent.append(message)

        await self._application(scope, receive, send)
        body = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
        return Answer(sent[0]["status"], dict(sent[0]["headers"]), body)
