"""One instance to send: where its data set lies, and the three names a C-STORE needs."""

from dataclasses import dataclass

from hilum.kernel.names import UID


@dataclass(frozen=True, slots=True)
class Origin:
    """A file, or a member of a zip archive."""

    path: str
    member: str | None = None

    def __str__(self) -> str:
        return self.path if self.member is None else f"{self.path}!{self.member}"


@dataclass(slots=True)
class Item:
    """An instance that can be sent. Not frozen: a million of them are made while scanning."""

    sop_class_uid: UID
    sop_instance_uid: UID
    transfer_syntax_uid: UID
    origin: Origin
    offset: int  # of the data set, after the file meta information
    length: int  # of the data set in bytes
    stamp: int  # changes when the content does: the file's mtime in ns, or the member's CRC


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that should have been sent and cannot be; the reason never holds what is in it."""

    origin: Origin
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file met on the way that is no instance: a viewer, a README, a DICOMDIR."""

    origin: Origin
    reason: str


Finding = Item | BadFile | Skipped
