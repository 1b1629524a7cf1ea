"""Why a port could not be listened on, and what to do about it."""

import errno
import os
import socket


def cannot_listen(section: str, host: str, port: int, error: OSError) -> str:
    """Say it of the setting `section`: who has the port, or whose address it is."""
    remedies = {
        errno.EADDRINUSE: f"another program has it (`ss -ltnp 'sport = :{port}'` shows which); "
        "end that one or choose another port",
        errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one",
        errno.EADDRNOTAVAIL: "that is no address of this machine; `ip addr` shows which are",
    }
    if isinstance(error, socket.gaierror):
        remedy = "that name is not known; write an IP address of this machine"
    else:
        remedy = remedies.get(error.errno or 0, os.strerror(error.errno or 0))
    return f"{section}: cannot listen on {host!r} port {port}: {remedy}"
