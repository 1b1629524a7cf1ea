"""Everything that is measured: Hilum, its peers, and the C sink as the physical limit.

Each starts with an empty store in a folder it is given and is ended with all it started.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from trials.gateway import Gateway, Settings, free_port
from trials.process_tree import ProcessTree

CALLED: Final = "ANY-SCP"
START_SECONDS_MAX: Final = 20.0
BUILD: Final = Path(__file__).parent / "build"


class Running(Protocol):
    """A receiver that listens."""

    port: int

    @property
    def tree(self) -> ProcessTree:
        """Its processes."""
        ...

    def held(self) -> int:
        """Count the instances that it keeps."""
        ...

    def stop(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True)
class Receiver:
    """One row of a table."""

    name: str
    start: Callable[[Path], Running]
    needs: str = ""  # a program; empty: nothing that could be missing
    is_slow: bool = False  # gets a fifth of the objects, so that a run ends

    def missing(self) -> str | None:
        """Say what is not installed, None when it can run."""
        if self.needs and find(self.needs) is None:
            return f"{self.needs} is not installed (make peers)"
        return None


def find(program: str) -> str | None:
    """Find a program; Debian keeps servers in /usr/sbin, which is not on everybody's path.

    Not beside our Python: pynetdicom puts programs there that have the names of DCMTK's.
    """
    ours = str(Path(sys.executable).parent)
    folders = [one for one in os.environ.get("PATH", "").split(":") if one != ours]
    return shutil.which(program, path=":".join([*folders, "/usr/sbin", "/sbin"]))


# ---- Hilum ---------------------------------------------------------------------------------


class RunningGateway:
    """Hilum with its defaults: indexing, checks, audit and metrics are on."""

    def __init__(self, folder: Path, *, durability: str, workers: int, more: str = "") -> None:
        settings = Settings(workers=workers, durability=durability, ae_title=CALLED, more=more)
        self._gateway = Gateway(folder, settings)
        self._gateway.start()
        self.port = self._gateway.port

    @property
    def tree(self) -> ProcessTree:
        return self._gateway.tree

    def held(self) -> int:
        return _count_files(self._gateway.data, ".dcm")

    def stop(self) -> None:
        self._gateway.stop()


def hilum(durability: str, workers: int = 1) -> Receiver:
    """Give Hilum with the settings that change what it promises or uses."""
    name = f"hilum {durability}" + (f" {workers} workers" if workers > 1 else "")
    return Receiver(
        name, lambda folder: RunningGateway(folder, durability=durability, workers=workers)
    )


# ---- peers ---------------------------------------------------------------------------------


@dataclass(slots=True)
class RunningProgram:
    """Another program that writes a file an instance into `folder`."""

    folder: Path
    arguments: Sequence[str]  # {port} and {folder} are filled in
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def tree(self) -> ProcessTree:
        if self.process is None:
            raise RuntimeError(f"{self.arguments[0]} was not started")
        return ProcessTree(self.process)

    def start(self) -> "RunningProgram":
        filled = [part.format(port=self.port, folder=self.folder) for part in self.arguments]
        with (self.folder.parent / "receiver.log").open("ab") as log:
            self.process = subprocess.Popen(
                [find(filled[0]) or filled[0], *filled[1:]],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        wait_for_port(self.port, self.process)
        return self

    def held(self) -> int:
        return _count_files(self.folder)

    def stop(self) -> None:
        self.tree.terminate()


class RunningOrthanc(RunningProgram):
    """Orthanc counts its instances itself."""

    def start(self) -> "RunningOrthanc":
        """Wait for both listeners: it turns associations away before all of it is there."""
        super().start()
        if self.process is not None:
            wait_for_port(self.port + 1, self.process)
        return self

    def held(self) -> int:
        url = f"http://127.0.0.1:{self.port + 1}/statistics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return int(json.load(answer)["CountInstances"])


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until something listens on `port`."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.03)
    raise RuntimeError(f"nothing listens on port {port}")


def _count_files(folder: Path, suffix: str = "") -> int:
    return sum(name.endswith(suffix) for _, _, names in os.walk(folder) for name in names)


NO_DELAY: Final = {"TCP_NODELAY": "1"}  # DCMTK reads it: Nagle's algorithm off


def program(name: str, *arguments: str, needs: str = "", is_slow: bool = False) -> Receiver:
    """Give a receiver that is one command; a name that ends with NODELAY sets that."""
    environment = NO_DELAY if name.endswith("NODELAY") else {}

    def start(folder: Path) -> Running:
        store = folder / "store"
        store.mkdir()
        return RunningProgram(store, arguments, environment).start()

    return Receiver(name, start, needs, is_slow)


def orthanc(name: str, **options: object) -> Receiver:
    """Give Orthanc without plugins, both listeners on loopback."""

    def start(folder: Path) -> Running:
        store = folder / "store"
        store.mkdir(exist_ok=True)
        running = RunningOrthanc(store, ["Orthanc", str(folder / "orthanc.json")])
        configuration = {
            "Name": "bench",
            "StorageDirectory": str(store),
            "IndexDirectory": str(store),
            "DicomPort": running.port,
            "HttpPort": running.port + 1,
            "DicomAet": CALLED,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomCheckCalledAet": False,
            "Plugins": [],
            **options,
        }
        (folder / "orthanc.json").write_text(json.dumps(configuration))
        return running.start()

    return Receiver(name, start, "Orthanc")


# No compression, no MD5, a larger PDU, more threads: the fastest settings found (peers differ most
# in what they do by default; both are shown).
ORTHANC_TUNED: Final = {
    "MaximumPduLength": 131072,
    "StorageCompression": False,
    "StoreMD5ForAttachments": False,
    "ConcurrentJobs": 8,
    "DicomThreadsCount": 8,
    "SaveJobs": False,
    "HttpCompressionEnabled": False,
}

STORESCP: Final = ("storescp", "-q", "-od", "{folder}")
STORESCP_BIT: Final = (*STORESCP, "+B", "-pdu", "131072")  # +B: bytes as received, unparsed

RECEIVERS: Final = {
    receiver.name: receiver
    for receiver in (
        hilum("process"),
        hilum("process", 2),
        hilum("power"),
        hilum("power", 2),
        program("storescp", *STORESCP, "{port}", needs="storescp"),
        program("storescp NODELAY", *STORESCP, "{port}", needs="storescp"),
        program("storescp +B 128K", *STORESCP_BIT, "{port}", needs="storescp"),
        program("storescp +B 128K NODELAY", *STORESCP_BIT, "{port}", needs="storescp"),
        program("storescp --fork NODELAY", *STORESCP, "--fork", "{port}", needs="storescp"),
        program(
            "storescp --fork +B 128K NODELAY", *STORESCP_BIT, "--fork", "{port}", needs="storescp"
        ),
        orthanc("orthanc default"),
        orthanc("orthanc tuned", SyncStorageArea=False, **ORTHANC_TUNED),
        orthanc("orthanc tuned sync", SyncStorageArea=True, **ORTHANC_TUNED),
        program(
            "pynetdicom storescp",
            *(sys.executable, "-m", "pynetdicom", "storescp", "{port}", "-q", "-od", "{folder}"),
            is_slow=True,
        ),
        program("C sink", str(BUILD / "csink"), "{port}", "{folder}"),
    )
}
