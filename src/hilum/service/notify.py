"""Tell systemd how we are: sd_notify(3). Without systemd every call does nothing."""

import os
import socket
import time
from collections.abc import Mapping

from hilum.service.logs import printable


class Systemd:
    """The service manager, when it asked to be told (NOTIFY_SOCKET)."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path  # @: abstract, unix(7)
        self._watchdog_usec = environ.get("WATCHDOG_USEC", "")
        self._watchdog_pid = environ.get("WATCHDOG_PID", str(os.getpid()))

    def ready(self, status: str = "") -> None:
        """Say that start-up, or a reload, has come to its end."""
        self._tell("READY=1", status)

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` says when it is done."""
        usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={usec}")

    def stopping(self, status: str = "") -> None:
        """Say that we are going down."""
        self._tell("STOPPING=1", status)

    def status(self, text: str) -> None:
        """Give the line that `systemctl status` shows."""
        self._tell("", text)

    def alive(self) -> None:
        """Feed the watchdog; to be called from the event loop, so that it tells of its turning."""
        self._tell("WATCHDOG=1")

    def watchdog_seconds(self) -> float | None:
        """Give how often `alive` has to be called, half of what is asked; None: never."""
        if not self._watchdog_usec.isdigit() or self._watchdog_pid != str(os.getpid()):
            return None
        return int(self._watchdog_usec) / 2_000_000

    def _tell(self, state: str, status: str = "") -> None:
        if not self._address:
            return
        lines = [state] if state else []
        if status:
            lines.append(f"STATUS={printable(status)}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            try:
                manager.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, self._address)
            except OSError:
                return  # a manager that cannot be told is not our trouble
