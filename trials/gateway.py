"""`hilum serve` as a real process: in a folder of its own, on free loopback ports, ended by us."""

import contextlib
import itertools
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trials.process_tree import ProcessTree

START_SECONDS_MAX: Final = 30.0
HILUM: Final = Path(sys.executable).with_name("hilum")


class DidNotStart(Exception):
    """The gateway ended, or was not ready in time; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a trial may choose about its gateway. `more` is TOML that is added at the end."""

    workers: int = 1
    durability: str = "power"
    ae_title: str = "HILUM"
    unknown_callers: str = "accept"
    level: str = "info"
    dimse: Mapping[str, str] = field(default_factory=dict)  # further lines of [sources.dimse]
    more: str = ""


class Gateway:
    """One gateway; `start` and `kill` may follow each other on the same folder."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.folder = folder
        self.settings = settings or Settings()
        self.data = folder / "data"
        self.log = folder / "gateway.log"
        self.port = free_port()
        self.web_port = free_port()
        self.called = self.settings.ae_title
        self._tree: ProcessTree | None = None

    @property
    def tree(self) -> ProcessTree:
        """Give the running processes."""
        if self._tree is None:
            raise DidNotStart("the gateway was not started")
        return self._tree

    @property
    def config(self) -> Path:
        """Write the configuration file anew and give its path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "hilum.toml"
        path.write_text(self._toml())
        return path

    def start(
        self,
        *,
        wrapper: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        seconds_max: float = START_SECONDS_MAX,
    ) -> None:
        """Start and wait until /readyz says yes.

        Raises:
            DidNotStart: it ended by itself or needed longer than `seconds_max`.
        """
        command = [*wrapper, str(HILUM), "serve", "-c", str(self.config)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self._tree = ProcessTree(process)
        self._wait_until_ready(time.monotonic() + seconds_max)

    def stop(self) -> int | None:
        """Stop as an operator does (SIGTERM); give the exit code, None when it had to be killed."""
        return self._tree.terminate() if self._tree else None

    def kill(self) -> None:
        """Kill all processes of the gateway at once (SIGKILL)."""
        if self._tree:
            self._tree.kill()

    def run(self, *arguments: str, seconds_max: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run another command of Hilum on the same configuration."""
        return subprocess.run(
            [str(HILUM), *arguments, "-c", str(self.config)],
            capture_output=True,
            text=True,
            timeout=seconds_max,
            check=False,
            cwd=self.folder,
        )

    def page(self, path: str, seconds_max: float = 5.0) -> tuple[int, str]:
        """Get a page of the gateway's own HTTP listener: status and text."""
        url = f"http://127.0.0.1:{self.web_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=seconds_max) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def log_text(self) -> str:
        """Give all that the gateway has logged in this folder."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _wait_until_ready(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            code = self.tree.exit_code
            if code is not None:
                raise DidNotStart(f"hilum serve ended with {code}:\n{self.log_text()[-2000:]}")
            if self._is_ready():
                return
            time.sleep(0.02)
        self.kill()
        raise DidNotStart(f"hilum serve was not ready in time:\n{self.log_text()[-2000:]}")

    def _is_ready(self) -> bool:
        try:
            return self.page("/readyz", seconds_max=2.0)[0] == 200
        except OSError:
            return False

    def _toml(self) -> str:
        settings = self.settings
        dimse = "\n".join(f"{key} = {value}" for key, value in settings.dimse.items())
        return f"""\
[gateway]
ae_title = "{settings.ae_title}"
data = "{self.data}"
workers = {settings.workers}
durability = "{settings.durability}"
unknown_callers = "{settings.unknown_callers}"
reserve_bytes = 0
reserve_percent = 0

[sources.dimse]
host = "127.0.0.1"
port = {self.port}
{dimse}

[sources.web]
host = "127.0.0.1"
port = {self.web_port}

[log]
level = "{settings.level}"

{settings.more}
"""


# Below what Linux gives to clients (ip_local_port_range).
PORTS: Final = (15_000, 32_000)
# Where this process begins. Not with the numbers of `random`, which tests set to what they were.
_BEGIN: Final = random.SystemRandom().randrange(*PORTS)
_GIVEN: Final = itertools.count()


def free_port() -> int:
    """Give a loopback TCP port that nobody listens on now.

    Not one that the system would give to a client: connections of others come and take those. And
    none that was given before: whoever got it may not listen yet.
    """
    first, behind = PORTS
    while True:
        port = first + (_BEGIN - first + next(_GIVEN)) % (behind - first)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
