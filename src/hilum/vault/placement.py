"""What became of a group of payloads that were given their names."""

from dataclasses import dataclass, field

from hilum.vault.journal import Sync


@dataclass(slots=True)
class Placement:
    """Payloads under their final paths: one entry of `failures` for each; None: it is there.

    A payload with a failure is gone. The others count as kept only after `confirm`.
    """

    failures: list[OSError | None]
    syncs: list[Sync] = field(default_factory=list)

    def confirm(self) -> None:
        """Wait until what was placed survives what the vault promises. Safe to call again.

        Raises:
            OSError: it may not; whoever placed it must remove it.
        """
        for sync in self.syncs:
            if (error := sync.wait()) is not None:
                raise error
