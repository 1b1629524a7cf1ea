"""What became of a group of payloads that were given their names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hilum.kernel.syncing import Syncing


def _nothing(_: OSError | None) -> None:
    """Stands for nobody who must be told."""


@dataclass(slots=True)
class Placement:
    """Payloads under their final paths: one entry of `failures` for each; None: it is there.

    A payload with a failure is gone. The others count as kept only after `confirm`. `ended` is
    told how the syncs went.
    """

    failures: list[OSError | None]
    syncings: Sequence[Syncing] = ()
    ended: Callable[[OSError | None], None] = _nothing

    def confirm(self) -> None:
        """Wait until what was placed survives what the vault promises. Safe to call again.

        Raises:
            OSError: it may not; whoever placed it must remove it.
        """
        # Each of them is waited for, also after an error: what is removed must not be under way.
        errors = [error for one in self.syncings if (error := one.wait()) is not None]
        error = errors[0] if errors else None
        self.ended(error)
        if error is not None:
            raise error
