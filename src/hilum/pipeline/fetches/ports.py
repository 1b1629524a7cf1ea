"""Where something can be fetched from and brought to; the service fills it."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

from hilum.pipeline.archive.ports import Archive, Holding


class Goal(Protocol):
    """Where the instances of one request are brought to. Lives on the event loop."""

    async def known(self, study_instance_uid: str) -> Collection[str]:
        """Give the SOP Instance UIDs of a study that need not be brought. Raises HilumError."""
        ...

    def bring(self, holdings: Sequence[Holding]) -> AsyncIterator[tuple[Holding, str]]:
        """Bring instances there: each with "", or with why it is not there; in any order.

        Nothing the other side does raises.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class Places(Protocol):
    """What there is in the configuration in force."""

    def source(self, name: str) -> Archive | None:
        """Give the archive of an entity (by name or AE title) or of a destination; None: none."""
        ...

    def goal(self, name: str, *, fetch_id: str, source: str) -> Goal | None:
        """Give where the instances of a request are brought to; None: no such place."""
        ...
