"""One listener, several applications: a request goes to the one whose path it begins with."""

from collections.abc import Callable, Mapping
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.dicomweb.percent import encoded, path_segments
from hilum.dicomweb.refusal import RequestRefused
from hilum.sources.web.answering import refuse
from hilum.sources.web.assembly import ENTITIES, Parts, doors_of
from hilum.sources.web.cors import Cors

_ENTITIES: Final = ENTITIES.encode()


class Front:
    """The listener's application, whose doors can be changed while it serves.

    `gate` lets in who may. Preflights do not pass it: browsers send them without anything that says
    who they are.
    """

    def __init__(self, parts: Parts, console: ASGIApp, gate: Callable[[ASGIApp], ASGIApp]) -> None:
        self._front = WebFront(_doors(parts), console)
        self.application: ASGIApp = Cors(gate(self._front), parts.settings.cors_origins)

    def change(self, parts: Parts) -> None:
        """Answer by other doors from now on; requests keep the one that they came through."""
        self._front.change(_doors(parts))


def _doors(parts: Parts) -> Mapping[str, ASGIApp]:
    return doors_of(parts) if parts.settings.dicomweb else {}


class WebFront:
    """Sends requests to doors by their roots, and all others to the console.

    AE titles in paths may be escaped in more ways than one; doors see the one that we write.
    """

    def __init__(self, doors: Mapping[str, ASGIApp], console: ASGIApp) -> None:
        """`doors`: by the path that each is the root of, without a slash at its end."""
        self._console = console
        self.change(doors)

    def change(self, doors: Mapping[str, ASGIApp]) -> None:
        """Send requests that come from now on to these."""
        self._doors = {path.encode(): door for path, door in doors.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._console(scope, receive, send)
            return
        raw_path: bytes = scope["raw_path"]
        if _is_under(raw_path, _ENTITIES):
            try:
                raw_path = _as_we_write_it(raw_path)
            except RequestRefused as refusal:
                await refuse(scope, receive, send, refusal)
                return
            scope["raw_path"] = raw_path
        for root, door in self._doors.items():
            if _is_under(raw_path, root):
                await door(scope, receive, send)
                return
        if _is_under(raw_path, _ENTITIES):
            reason = "there is no entity with this AE title that answers DICOMweb"
            await refuse(scope, receive, send, RequestRefused(404, reason))
            return
        await self._console(scope, receive, send)


def _is_under(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(root + b"/")


def _as_we_write_it(raw_path: bytes) -> bytes:
    """Write the AE title in `/aets/<AE title>/…` as `encoded` does. Raises RequestRefused."""
    empty, entities, title, *rest = [*raw_path.split(b"/", 3), b""][:4]
    names = path_segments(b"/" + title)
    return b"/".join([empty, entities, *[encoded(name).encode() for name in names], *rest])
