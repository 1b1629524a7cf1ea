"""Makes a folder destination of its settings."""

from hilum.destinations.folder.destination import FolderDestination
from hilum.destinations.folder.settings import FolderDestinationSettings
from hilum.destinations.folder.template import read_template
from hilum.destinations.folder.writing import Style
from hilum.kernel.names import AETitle
from hilum.pipeline.ports import Payloads


def folder_destination(
    name: str, settings: FolderDestinationSettings, *, ours: AETitle, payloads: Payloads
) -> FolderDestination:
    """Make the destination `name`; `ours` is the AE title that files name as their writer's."""
    style = Style(
        read_template(settings.template),
        ours,
        other_bytes=settings.other_bytes,
        synced=settings.synced,
    )
    return FolderDestination(name, settings.path, style, payloads)
