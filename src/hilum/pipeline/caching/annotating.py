"""Metadata of cached payloads as `Describer` keeps it: in files beside them, not in the ledger."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from hilum.ledger.holdings import Holding
from hilum.vault.cache.notes import Notes, by_folder


class Annotations:
    """Fills `pipeline.archive.metadata.Kept`. `damaged` is told what nothing can be made of."""

    def __init__(self, notes: Notes, *, damaged: Callable[[str], None]) -> None:
        self._notes = notes
        self._damaged = damaged

    def read(self, holdings: Sequence[Holding]) -> list[bytes | None]:
        """Give what is kept of each; None: nothing."""
        return self._notes.read([holding.path for holding in holdings])

    def keep(self, made: Iterable[tuple[Holding, bytes]]) -> None:
        """Keep what was made, if it can be kept."""
        metadata = {holding.path: text for holding, text in made}
        for path in [path for path, text in metadata.items() if not text]:
            del metadata[path]
            self._damaged(path)
        for folder, paths in by_folder(metadata).items():
            lines = [(path[len(folder) + 1 :], metadata[path]) for path in paths]
            with suppress(OSError):  # it is made again
                self._notes.keep(folder, lines)
