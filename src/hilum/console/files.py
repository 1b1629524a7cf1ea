"""Files of a folder as an application: pages of ours, and of a viewer that was installed.

Only what was there when the folder was looked at is given out, by its exact name: no path of a
request ever reaches the file system.
"""

import hashlib
import mimetypes
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

INDEX: Final = "index.html"
# Of types that Python's table leaves to the machine it runs on.
_TYPES: Final[Mapping[str, str]] = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".wasm": "application/wasm",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


class Files:
    """Serves what lies below `folder`; `replaced`: texts that stand for files there."""

    def __init__(
        self,
        folder: Traversable,
        *,
        headers: Mapping[str, str],
        replaced: Mapping[str, bytes] | None = None,
        is_one_page: bool = False,
    ) -> None:
        """With `is_one_page`, unknown names without a dot are the index: a page with routes."""
        self._files = dict(_files(folder, ""))
        self._headers = headers
        self._replaced = replaced or {}
        self._is_one_page = is_one_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        response = await self._response(request)
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return Response(status_code=405, headers={"Allow": "GET, HEAD", **self._headers})
        root = request.scope.get("root_path", "")
        path = request.scope["path"].removeprefix(root)
        name = self._name(path.lstrip("/"))
        if name is None:
            return Response("There is no such file.", 404, self._headers, "text/plain")
        content = await run_in_threadpool(self._content, name)
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {**self._headers, "ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, 200, headers, _type_of(name))

    def _name(self, path: str) -> str | None:
        name = path or INDEX
        if name in self._files or name in self._replaced:
            return name
        return INDEX if self._is_one_page and "." not in name.rpartition("/")[2] else None

    def _content(self, name: str) -> bytes:
        replaced = self._replaced.get(name)
        return self._files[name].read_bytes() if replaced is None else replaced


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for one in folder.iterdir():
        name = f"{prefix}{one.name}"
        if one.is_dir():
            yield from _files(one, f"{name}/")
        else:
            yield name, one


def _type_of(name: str) -> str:
    ending = name[name.rfind(".") :] if "." in name else ""
    found = _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith("text/") else found
