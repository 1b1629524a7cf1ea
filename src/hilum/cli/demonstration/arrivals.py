"""What has arrived, as the ledger says: counted by series, and shown as a table that grows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.progress_bar import ProgressBar
from rich.table import Table

from hilum.cli.demonstration.studies import Generated, Series
from hilum.cli.sending.words import duration_of, size_of
from hilum.kernel.names import UID
from hilum.ledger.ledger import Ledger

_BAR_WIDTH = 16


@dataclass(slots=True)
class Arrivals:
    """What the ledger has of the series that are expected. Only it is asked: it is the truth."""

    expected: Sequence[Series]
    known: Mapping[UID, Generated]
    instances: Counter[Series] = field(default_factory=Counter)
    sizes: Counter[Series] = field(default_factory=Counter)
    _first: dict[Series, float] = field(default_factory=dict)
    _last: dict[Series, float] = field(default_factory=dict)

    def look(self, ledger: Ledger, now: float) -> None:
        """Count again; what is new since the last time has arrived by `now`."""
        instances: Counter[Series] = Counter()
        sizes: Counter[Series] = Counter()
        for _, _, size, uid in ledger.payloads():
            if (found := self.known.get(UID(uid))) is not None:
                instances[found.series] += 1
                sizes[found.series] += size
        for series in self.expected:
            if instances[series] > self.instances[series]:
                self._first.setdefault(series, now)
                self._last[series] = now
        self.instances, self.sizes = instances, sizes

    def seconds(self, series: Series) -> float:
        """How long a series has been arriving, as far as was seen."""
        first = self._first.get(series)
        return 0.0 if first is None else self._last[series] - first

    def table(self) -> Table:
        """Draw what has arrived."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for head in ("study", "series", ""):
            table.add_column(head)
        for head in ("instances", "size", "within"):
            table.add_column(head, justify="right")
        study = ""
        for series in self.expected:
            name = series.accession_number
            table.add_row(name if name != study else "", *self._cells(series))
            study = name
        return table

    def _cells(self, series: Series) -> tuple[str | ProgressBar, ...]:
        count, of = self.instances[series], series.instances
        return (
            f"{series.number + 1} {series.modality}",
            ProgressBar(of, count, _BAR_WIDTH),
            f"{count} of {of}",
            size_of(self.sizes[series]) if count else "",
            duration_of(seconds) if (seconds := self.seconds(series)) else "",
        )
