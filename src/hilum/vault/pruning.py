"""Removing folders that are empty, where nobody writes any more."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from hilum.vault.layout import INSTANCES


def prune(root: Path, relatives: Iterable[str], *, before: date) -> None:
    """Remove the folders of payloads that are gone, up to those of years, when they are empty.

    Only those of days before one: others may be in use, and a folder that is made again while
    somebody counts on its name having been synced would not survive a power cut. Raises OSError.
    """
    first_busy = f"{INSTANCES}/{before:%Y/%m/%d}/"
    for folder in {relative.rpartition("/")[0] for relative in relatives}:
        if f"{folder}/" < first_busy and folder.startswith(f"{INSTANCES}/"):
            _remove_empty(root, Path(folder))


def _remove_empty(root: Path, folder: Path) -> None:
    while folder.name != INSTANCES:
        try:
            (root / folder).rmdir()
        except FileNotFoundError:
            pass  # somebody else, or another payload of it
        except OSError:
            return  # not empty
        folder = folder.parent
