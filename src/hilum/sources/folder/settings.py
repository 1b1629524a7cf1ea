"""What can be set about a watched folder: `[sources.folder.<name>]`. Values only."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, Field, model_validator

from hilum.kernel.setting_types import LocalPath, Seconds

# Hidden, so that it is never looked into for files to take.
FAILED: Final = ".failed"


class FolderSourceSettings(BaseModel, frozen=True, extra="forbid"):
    """A folder whose files are taken in, subfolders included."""

    path: LocalPath = Field(
        description="The folder to watch. Hidden files and names ending in .part, .tmp or "
        ".filepart are left alone.",
        examples=["/srv/incoming"],
    )
    settle_seconds: Seconds = Field(
        default=2.0,
        description="A file is finished when size and time of change have stayed the same so long.",
    )
    after: Literal["remove", "move"] = Field(
        default="remove",
        description="What becomes of a file once its instance is durable: it is removed, or "
        "moved to `done`.",
    )
    done: LocalPath | None = Field(
        default=None,
        description='Where files go with after = "move".',
        examples=["/srv/incoming-done"],
    )
    failed: LocalPath | None = Field(
        default=None,
        description="Where files go that cannot be taken, each with a text that says why. "
        f"Absent: {FAILED} in the folder itself.",
        examples=["/srv/incoming-failed"],
    )

    @property
    def failed_folder(self) -> Path:
        """Give the folder of what could not be taken."""
        return self.failed if self.failed is not None else self.path / FAILED

    @model_validator(mode="after")
    def _done_and_after_agree(self) -> Self:
        if self.after == "move" and self.done is None:
            raise ValueError('after = "move" needs `done`, the folder to move files to')
        if self.after == "remove" and self.done is not None:
            raise ValueError('`done` is only used with after = "move"')
        for other in (self.done, self.failed):
            if other is not None and (other == self.path or self.path in other.parents):
                raise ValueError(
                    f"'{other}' lies in the watched folder, so its files would be taken again; "
                    "name a folder elsewhere"
                )
        return self
