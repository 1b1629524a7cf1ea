"""Small file systems for a while: one that fills up, one that can lose its power. Root only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def why_not() -> str:
    """Say why nothing can be mounted here; empty when it can."""
    return "" if os.geteuid() == 0 else "needs root to mount a file system"


@contextmanager
def memory_file_system(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """Mount a tmpfs of this size on `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


def make_image(image: Path, *, megabytes: int) -> None:
    """Make an empty ext4 in a sparse file: with a journal, as installers make it."""
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    command("mkfs.ext4", "-q", "-F", str(image))


@contextmanager
def image_mounted(image: Path, folder: Path) -> Iterator[Path]:
    """Mount an image on `folder`; its journal is replayed as after a power cut."""
    folder.mkdir(parents=True, exist_ok=True)
    command("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


def unmount(folder: Path) -> None:
    """Unmount, at the latest when the last process has left."""
    subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def command(*words: str) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
