"""Faults of folders we deliver to, and of our own vault."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trials import mounts
from trials.fault import EVERYTHING, PATIENCE, Fault, send
from trials.fault_archives import destination
from trials.gateway import Gateway, free_port


def _folder(path: Path) -> str:
    return f'[destinations.pacs]\ntype = "folder"\npath = "{path}"\n{PATIENCE}\n{EVERYTHING}'


@contextlib.contextmanager
def _missing(folder: Path) -> Iterator[str]:
    yield _folder(folder / "not" / "there")


@contextlib.contextmanager
def _read_only(folder: Path) -> Iterator[str]:
    place = folder / "share"
    place.mkdir(mode=0o500)
    if os.geteuid():
        yield _folder(place)
        return
    with mounts.memory_file_system(place, megabytes=1):  # rights do not bind root
        mounts.command("mount", "-o", "remount,ro", str(place))
        yield _folder(place)


@contextlib.contextmanager
def _full(folder: Path) -> Iterator[str]:
    with mounts.memory_file_system(folder / "share", megabytes=1) as place:
        (place / "ballast").write_bytes(bytes(1_000_000))
        yield _folder(place)


@contextlib.contextmanager
def _closed_port(_folder: Path) -> Iterator[str]:
    yield destination(free_port(), more='between = "always"')


def _files(gateway: Gateway) -> list[Path]:
    return list((gateway.data / "vault" / "instances").rglob("*.dcm"))


def _send_large(gateway: Gateway) -> str:
    return send(gateway, 1, size=200_000).uid


def _lose_payload(gateway: Gateway) -> None:
    for path in _files(gateway):
        path.unlink()


def _shorten(gateway: Gateway) -> None:
    for path in _files(gateway):
        os.truncate(path, 300)


FAULTS: Final = (
    Fault("folder: it is not there", ["no such file"], ["path", "mount"], _missing),
    Fault("folder: we may not write", ["written"], ["write", "path"], _read_only),
    Fault(
        "folder: its disk is full",
        ["no space left"],
        ["room"],
        _full,
        act=_send_large,
        skipped=mounts.why_not(),
    ),
    Fault(
        "vault: the payload is gone",
        ["payload", "no such file"],
        ["backup", "hilum rebuild"],
        _closed_port,
        then=_lose_payload,
        is_owed=False,
    ),
    Fault(
        "vault: the payload is damaged",
        ["payload"],
        ["backup", "hilum rebuild"],
        _closed_port,
        then=_shorten,
        is_owed=False,
    ),
)
