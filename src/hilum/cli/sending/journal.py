"""The journal of `--resume`: what the peer has confirmed, so that it is not sent twice.

A text file that only grows: a heading that names the peer, then one line per confirmed instance,
sealed with a checksum. An instance gets its line after its response, by one write, so that a kill
at any moment leaves at worst a torn last line, which is cut off at the next start and sent again.
"""

import errno
import fcntl
import os
import zlib
from pathlib import Path
from typing import Final, Self

from hilum.cli.sending.item import Item
from hilum.kernel.errors import Misconfigured

_HEADING: Final = "hilum-send 1"
# A UID has 64 characters, the rest of a line less than 80; what is longer is no line of ours.
_LINE_BYTES_MAX: Final = 512

Key = tuple[str, int, int]  # SOP instance UID, length of the data set, stamp


class Journal:
    """An open journal, locked against a second sender. Close it, or use it as a context manager."""

    def __init__(self, descriptor: int, confirmed: set[Key]) -> None:
        self._descriptor = descriptor
        self._confirmed = confirmed
        self._synced = True

    @classmethod
    def open(cls, path: Path, *, peer: str) -> Self:
        """Open the journal at `path` for sending to `peer`, or begin it.

        Raises:
            Misconfigured: it cannot be opened, another sender has it, or it is of another peer.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Misconfigured(f"journal {path}: {error.strerror}") from error
        try:
            _lock(descriptor, path)
            confirmed = _read(descriptor, path, peer=peer)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, confirmed)

    def __contains__(self, item: Item) -> bool:
        return _key(item) in self._confirmed

    def confirm(self, item: Item, status: int) -> None:
        """Write down that the peer answered `status`, a success or a warning, for `item`.

        When this returns the line survives the death of this process, after `sync` a power cut.

        Raises:
            OSError: the journal cannot be written.
        """
        uid, length, stamp = _key(item)
        _append(self._descriptor, _sealed(f"{uid} {length} {stamp} {status:04X}"))
        self._synced = False

    def sync(self) -> None:
        """Make every line so far survive a power cut.

        Raises:
            OSError: the device refuses.
        """
        if not self._synced:
            self._synced = True
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Sync and close; a second call does nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _key(item: Item) -> Key:
    return item.sop_instance_uid, item.length, item.stamp


def _sealed(line: str) -> bytes:
    text = line.encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _unsealed(line: bytes) -> str | None:
    """Give what was written, or None for a line that a crash or a bad disk has spoiled."""
    checksum, _, text = line.partition(b" ")
    return text.decode() if checksum == b"%08x" % zlib.crc32(text) else None


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Misconfigured(f"journal {path}: another hilum send is using it") from error


def _append(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        # What was written of it fails its checksum, together with the line that follows.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _read(descriptor: int, path: Path, *, peer: str) -> set[Key]:
    """Read the journal up to its last whole line, cut off the rest, begin it if it is empty."""
    heading = f"{_HEADING} {peer}"
    confirmed: set[Key] = set()
    with open(descriptor, "rb", closefd=False) as lines:
        first = lines.readline(_LINE_BYTES_MAX)
        # A heading cut short by a crash is ours to finish; any other file is not ours to touch.
        if not first.endswith(b"\n") and _sealed(heading).startswith(first):
            first = b""
        else:
            _check_heading(_unsealed(first[:-1]), heading, path)
        whole = len(first)
        while (line := lines.readline(_LINE_BYTES_MAX)).endswith(b"\n"):
            whole += len(line)
            if (text := _unsealed(line[:-1])) is not None:
                confirmed.add(_parse(text))
    os.ftruncate(descriptor, whole)
    if not whole:
        _append(descriptor, _sealed(heading))
    return confirmed


def _check_heading(found: str | None, expected: str, path: Path) -> None:
    if found is None or not found.startswith(_HEADING):
        raise Misconfigured(f"journal {path}: this file is no journal of hilum send; name another")
    if found != expected:
        raise Misconfigured(
            f"journal {path} is about {found.removeprefix(_HEADING).strip()}, "
            f"not {expected.removeprefix(_HEADING).strip()}; name another file for this peer"
        )


def _parse(text: str) -> Key:
    uid, length, stamp, _status = text.split(" ")
    return uid, int(length), int(stamp)
