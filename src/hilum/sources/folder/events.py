"""What the folder door reports. File names are not in it: people put patients' names there."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Level, Metric


@dataclass(frozen=True, slots=True)
class FolderWatched(Event):
    """A folder is being watched by this worker."""

    message: ClassVar[str] = "Watching folder {folder} at {path}."
    folder: str
    path: str


@dataclass(frozen=True, slots=True)
class FileAdopted(Event):
    """A file's instance is durable; the file was removed or moved."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "Adopted {sop_instance_uid} from folder {folder}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_files_adopted_total", ("folder",)),)
    folder: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class FileSetAside(Event):
    """A file could not be taken and was moved out of the way, with a text that says why."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "Set a file of folder {folder} aside in {failed}: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_files_set_aside_total", ("folder",)),)
    folder: str
    failed: str
    reason: str


@dataclass(frozen=True, slots=True)
class FolderFailed(Event):
    """A watched folder cannot be read or its files not be moved; it is tried again."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "Folder {folder} cannot be worked on: {reason}. Trying again."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_folder_failures_total", ("folder",)),)
    folder: str
    reason: str
