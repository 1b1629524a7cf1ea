"""The sockets of a gateway that are there before its workers, which share them."""

from collections.abc import Sequence
from dataclasses import dataclass
from socket import socket

from hilum.service.workers.bells import Bells


@dataclass(frozen=True, slots=True)
class Sockets:
    """Listening sockets, bound before workers are forked so that they can share them."""

    dimse: Sequence[socket]
    dimse_tls: Sequence[socket]
    web: Sequence[socket]
    web_tls: Sequence[socket] = ()
    bells: Bells | None = None  # by which workers call each other, if there are several
