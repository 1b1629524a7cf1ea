"""Something about a configuration that no single setting can tell."""

from dataclasses import dataclass

from hilum.service.config_positions import KeyPath


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the settings at `paths`; it is shown at the first that was written."""

    paths: tuple[KeyPath, ...]
    message: str
    remedy: str = ""
