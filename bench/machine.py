"""What the figures were measured on, and how busy the machine was with other things."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from bench.receivers import find

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


def facts(root: Path) -> dict[str, str]:
    """Give CPU, kernel, file systems and the versions of everything that is compared."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "disk": _file_system(root),
        "Python": sys.version.split()[0],
        "hilum": _git_description(root),
        "DCMTK": _first_number("storescp", "--version"),
        "Orthanc": _first_number("Orthanc", "--version"),
        "pynetdicom": _package("pynetdicom"),
    }


def busy_seconds() -> float:
    """Give the time that all processors were not idle since boot, stolen time included."""
    fields = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    user, nice, system, _idle, _wait, irq, soft_irq, steal = fields[:8]
    return (user + nice + system + irq + soft_irq + steal) / TICKS_PER_SECOND


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _file_system(path: Path) -> str:
    output = _output("stat", "-f", "-c", "%T", str(path))
    return output.strip() or "unknown"


def _git_description(root: Path) -> str:
    described = _output("git", "-C", str(root), "describe", "--always", "--dirty").strip()
    return f"{_package('hilum')} ({described})" if described else _package("hilum")


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _first_number(program: str, *arguments: str) -> str:
    path = find(program)
    if path is None:
        return "not installed"
    found = re.search(r"\d+\.\d+\.\d+\S*", _output(path, *arguments))
    return found[0] if found else "unknown"


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return done.stdout
