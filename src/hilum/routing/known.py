"""What the rest of the configuration has to offer to routes: names that they may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """Names that routes may use; None: they are not known, so any will do."""

    destinations: frozenset[str] | None = None
    peers: frozenset[str] | None = None
    entities: frozenset[str] | None = None
    sources: frozenset[str] | None = None
    ae_titles: frozenset[str] | None = None  # of ours, when nobody can call another
    steps: frozenset[str] = frozenset()
