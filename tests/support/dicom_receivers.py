"""Receivers of other makers as real processes on free loopback ports, ended by whoever began."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from trials.gateway import free_port

# Where Debian keeps servers; first, as pynetdicom brings programs with the names of DCMTK's.
_PATH = "/usr/bin:/usr/sbin:/sbin:" + os.environ.get("PATH", "")
_START_SECONDS_MAX = 30.0
_STOP_SECONDS_MAX = 20.0


@contextlib.contextmanager
def storescp(folder: Path, *options: object) -> Iterator[int]:
    """Run DCMTK's storescp into `folder`; give its port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = ["storescp", *map(str, options), "-od", str(folder), str(port)]
    with _running(command, port, folder):
        yield port


@contextlib.contextmanager
def dcmqrscp(folder: Path) -> Iterator[int]:
    """Run DCMTK's archive with the AE title QRSCP; give its port."""
    (folder / "db").mkdir(parents=True)
    port = free_port()
    (folder / "qr.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRSCP {folder / 'db'} RW (200, 1024mb) ANY\nAETable END\n"
    )
    with _running(["dcmqrscp", "-c", str(folder / "qr.cfg")], port, folder):
        yield port


@contextlib.contextmanager
def orthanc(folder: Path, **settings: object) -> Iterator[tuple[int, str]]:
    """Run Orthanc with the AE title ORTHANC; give its DICOM port and its REST root."""
    folder.mkdir(parents=True, exist_ok=True)
    port, web = free_port(), free_port()
    configuration = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomPort": port,
        "HttpPort": web,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
        **settings,
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with _running(["Orthanc", str(folder / "orthanc.json")], port, folder):
        yield port, f"http://127.0.0.1:{web}"


def ask(url: str) -> object:
    """Get JSON from a REST interface."""
    with urllib.request.urlopen(url, timeout=_START_SECONDS_MAX) as answer:
        return json.loads(answer.read())


@contextlib.contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    program = shutil.which(command[0], path=_PATH)
    if program is None:
        pytest.skip(f"{command[0]} is not installed (make peers)")
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *command[1:]], stdout=log, stderr=subprocess.STDOUT, cwd=folder
        )
    try:
        _wait_until_it_listens(process, port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        else:
            return
    pytest.fail(f"{process.args} does not listen on port {port}")
