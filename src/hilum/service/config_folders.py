"""The folders that instances come from and go to: are they there, may we use them, is there room.

Only warnings: a share may be mounted later, and then it goes on by itself. Makes nothing.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hilum.destinations.folder.settings import FolderDestinationSettings
from hilum.service.closed import remedy_of
from hilum.service.config_finding import Finding
from hilum.service.config_positions import KeyPath
from hilum.service.config_settings import Config

# A destination with less is about to be full: it is a few studies.
ROOM_BYTES_MIN: Final = 1_000_000_000

_MOUNT: Final = "Make it, or mount what it is on; a running gateway goes on as soon as it is there"


def warnings(config: Config) -> Iterator[Finding]:
    """Find folders that cannot be used now."""
    for name, source in config.sources.folder.items():
        place = ("sources", "folder", name)
        yield from _usable((*place, "path"), source.path, "nothing is taken from it")
        if source.done is not None:
            yield from _makeable((*place, "done"), source.done, "what was taken cannot go there")
        if source.failed is not None:
            yield from _makeable((*place, "failed"), source.failed, "what fails cannot go there")
    for name, one in config.destinations.items():
        if isinstance(one, FolderDestinationSettings):
            path = ("destinations", name, "path")
            yield from _usable(path, one.path, "nothing is delivered to it")
            yield from _roomy(path, one.path)


def free_bytes(folder: Path) -> int | None:
    """Say how much room there is; None: nobody can tell, as it is not there say."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _usable(path: KeyPath, folder: Path, meanwhile: str) -> Iterator[Finding]:
    if not os.path.exists(folder):  # noqa: PTH110 - that of pathlib raises where it may not look
        yield Finding((path,), f"'{folder}' is missing: {meanwhile} until it is there", _MOUNT)
    elif not os.path.isdir(folder):  # noqa: PTH112 - as above
        yield Finding((path,), f"'{folder}' is no folder: {meanwhile}", "Name a folder")
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield _closed(path, folder, meanwhile)


def _makeable(path: KeyPath, folder: Path, meanwhile: str) -> Iterator[Finding]:
    """Look at a folder that is made as soon as it is wanted."""
    existing = next(one for one in (folder, *folder.parents, Path("/")) if os.path.exists(one))  # noqa: PTH110 - as above
    if not os.path.isdir(existing):  # noqa: PTH112 - as above
        yield Finding((path,), f"'{existing}' is no folder: {meanwhile}", "Name another folder")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield _closed(path, existing, meanwhile)


def _closed(path: KeyPath, folder: Path, meanwhile: str) -> Finding:
    user = os.geteuid()
    return Finding(
        (path,),
        f"'{folder}' may not be read and written by the user who runs this (uid {user}): "
        f"{meanwhile}",
        remedy_of(folder),
    )


def _roomy(path: KeyPath, folder: Path) -> Iterator[Finding]:
    room = free_bytes(folder)
    if room is not None and room < ROOM_BYTES_MIN:
        yield Finding(
            (path,),
            f"'{folder}' has only {room:,} bytes left",
            "Make room: when there is none, what is owed to it waits",
        )
