"""Where a peer is and by which names we talk: `AET@host:port`."""

import re
from dataclasses import dataclass
from typing import Final

from hilum.kernel.errors import Misconfigured
from hilum.kernel.names import AETitle, ae_title

PORT_MAX: Final = 65535
# What DCMTK's tools call a peer that was not named; receivers that do not check take any title.
ANY_SCP: Final = AETitle("ANY-SCP")

_HOST_AND_PORT: Final = re.compile(r"(?:\[(?P<literal>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>\d+)")


@dataclass(frozen=True, slots=True)
class Address:
    """A peer's host and port, the AE title we call it by and the one we call ourselves."""

    host: str
    port: int
    called: AETitle
    calling: AETitle

    def __str__(self) -> str:
        return f"{self.called} ({self.place})"

    @property
    def place(self) -> str:
        """The peer as `host:port`; an IPv6 address stands in brackets (RFC 3986 §3.2.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str, *, calling: AETitle, called: AETitle | None = None) -> Address:
    """Read `[AET@]host:port`; `called` is used when the text names no AE title.

    Raises:
        Misconfigured: it does not have that form, names two AE titles, or the port is no port.
    """
    title, at, place = text.rpartition("@")
    match = _HOST_AND_PORT.fullmatch(place)
    host = (match["literal"] or match["host"]) if match else None
    if match is None or not host:
        raise Misconfigured(
            f"{text!r} is not a peer's address; write AET@host:port, for example PACS@10.0.0.5:104"
        )
    if not 0 < (port := int(match["port"])) <= PORT_MAX:
        raise Misconfigured(f"{text!r}: port {port} is not between 1 and {PORT_MAX}")
    named = _title(title, text=text) if at else called
    if called is not None and named != called:
        raise Misconfigured(f"{text!r}: the called AE title is also given as {called!r}; name one")
    return Address(host, port, named or ANY_SCP, calling)


def _title(title: str, *, text: str) -> AETitle:
    try:
        return ae_title(title)
    except ValueError as error:
        raise Misconfigured(f"{text!r}: {error}") from error
