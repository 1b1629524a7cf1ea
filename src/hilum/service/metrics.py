"""The metrics of a process: moved by events, read from whoever has the number, shown as text.

Which metrics there are is said by the event classes and by readings.py; nothing is named here.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Final, Generic, TypeVar, assert_never

import prometheus_client as prometheus
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hilum.kernel.errors import Full
from hilum.kernel.telemetry import Counter, Event, Histogram, Metric
from hilum.service.logs import plain
from hilum.service.readings import (
    GatewayGauge,
    GatewayGauges,
    Reading,
    Readings,
    WorkerCounter,
    WorkerGauge,
    WorkerGauges,
)
from hilum.service.sharing import EVENTS_BYTES_MAX, Sharing, sample_bytes

CONTENT_TYPE: Final = prometheus.exposition.CONTENT_TYPE_PLAIN_0_0_4

# A label has few possible values by its event's word. Should one be wrong, whatever comes after so
# many is counted as OTHER: no peer may fill our memory, nor Prometheus's.
LABEL_SETS_MAX: Final = 100
LABEL_CHARS_MAX: Final = 40
OTHER: Final = "(other)"

TEXT_CHARS_MAX: Final = 120

Mover = Callable[[Event], None]
Read = Callable[[], float]
# Numbers by the values of labels.
ReadAll = Callable[[], Mapping[tuple[str, ...], float]]
F = TypeVar("F", prometheus.Counter, prometheus.Gauge, prometheus.Histogram)


class Metrics:
    """All metrics of one process; with `sharing`, they show the sums over all workers."""

    def __init__(self, sharing: Sharing | None = None) -> None:
        # When a series began is of no use to a gateway, and doubles what a scrape has to carry.
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call] # theirs
        self.unreadable = 0  # readings that raised, since the start
        self._sharing = sharing
        used_bytes = 0 if sharing is None else sharing.used_bytes
        self._budget = Budget(EVENTS_BYTES_MAX - used_bytes)
        self._counters: dict[str, tuple[Counter, Children[prometheus.Counter]]] = {}
        self._histograms: dict[str, tuple[Histogram, Children[prometheus.Histogram]]] = {}
        self._updates: list[Callable[[], None]] = []
        self._publishing = threading.Lock()
        self._gateway = ReadWhenAsked()
        self._registry = self._shown = prometheus.CollectorRegistry()
        if sharing is not None:
            self._shown = prometheus.CollectorRegistry()
            sharing.show_all_in(self._shown)
        self._shown.register(self._gateway)

    def mover(self, metric: Metric, text: str) -> Mover:
        """Give what moves `metric` for one event. `text` is its help, unless it has one already.

        Raises:
            ValueError: there is a different metric of that name.
        """
        text = text[:TEXT_CHARS_MAX]
        match metric:
            case Counter():
                return self._counting(metric, text)
            case Histogram():
                return self._observing(metric, text)
            case _:
                assert_never(metric)

    def _counting(self, metric: Counter, text: str) -> Mover:
        if metric.name not in self._counters:
            family = prometheus.Counter(metric.name, text, metric.labels, registry=self._registry)
            self._counters[metric.name] = metric, Children(metric, text, family, 1, self._budget)
        first, children = self._counters[metric.name]
        if first.labels != metric.labels:
            raise ValueError(f"{metric.name} has labels {first.labels} and {metric.labels}")
        child_of = children.of
        if metric.amount is None:
            return lambda event: child_of(event).inc()
        amount_of = attrgetter(metric.amount)
        return lambda event: child_of(event).inc(amount_of(event))

    def _observing(self, metric: Histogram, text: str) -> Mover:
        if metric.name not in self._histograms:
            buckets = metric.buckets or prometheus.Histogram.DEFAULT_BUCKETS
            family = prometheus.Histogram(
                metric.name, text, metric.labels, registry=self._registry, buckets=buckets
            )
            # One sample for each bucket, one for the infinite one, one for the sum.
            children = Children(metric, text, family, len(buckets) + 2, self._budget)
            self._histograms[metric.name] = metric, children
        first, children = self._histograms[metric.name]
        if (first.labels, first.buckets) != (metric.labels, metric.buckets):
            raise ValueError(f"{metric.name} is declared twice, with different labels or buckets")
        child_of, value_of = children.of, attrgetter(metric.value)
        return lambda event: child_of(event).observe(value_of(event))

    def watch(self, reading: Reading, read: Read) -> None:
        """Show what `read` says as `reading`; it is called in another thread, at any time."""
        match reading:
            case WorkerGauge(name, text):
                gauge = prometheus.Gauge(
                    name, text, registry=self._registry, multiprocess_mode="livesum"
                )
                self._updates.append(lambda: gauge.set(read()))
            case WorkerCounter(name, text):
                counter = prometheus.Counter(name, text, registry=self._registry)
                self._updates.append(_follower(counter, read))
            case GatewayGauge():
                self._gateway.watched[reading] = read
            case _:
                assert_never(reading)

    def watch_all(self, readings: Readings, read: ReadAll) -> None:
        """Show what `read` says as `readings`, for each set of labels, as watch() does."""
        match readings:
            case WorkerGauges(name, text, labels):
                gauge = prometheus.Gauge(
                    name, text, labels, registry=self._registry, multiprocess_mode="livesum"
                )
                children = Children(readings, text, gauge, 1, self._budget)
                self._updates.append(_setter(children, read))
            case GatewayGauges():
                self._gateway.families[readings] = read
            case _:
                assert_never(readings)

    def publish(self) -> None:
        """Bring what is read up to date, for when another worker is asked."""
        with self._publishing:
            for update in self._updates:
                try:
                    update()
                except Exception:  # noqa: BLE001 -- one reading must not cost all the others
                    self.unreadable += 1

    def exposition(self) -> bytes:
        """Give all metrics in Prometheus's text format 0.0.4. Takes milliseconds."""
        self.publish()
        return prometheus.generate_latest(self._shown)

    def close(self) -> None:
        """Let go of the shared files."""
        if self._sharing is not None:
            self._sharing.close()


class Budget:
    """How much room there still is for samples, so that the shared files never have to grow."""

    def __init__(self, room_bytes: int) -> None:
        self._room_bytes = room_bytes

    def take(self, wanted_bytes: int) -> None:
        """Take room.

        Raises:
            Full: there is none.
        """
        if wanted_bytes > self._room_bytes:
            raise Full("no room for another metric; has a label too many values?")
        self._room_bytes -= wanted_bytes


class Children(Generic[F]):
    """The children of one family by the values of their labels: found fast, bounded in number."""

    def __init__(
        self,
        metric: Metric | WorkerGauges,
        text: str,
        family: F,
        samples: int,
        budget: Budget,
    ) -> None:
        self._family: F = family
        self._metric, self._text = metric, text
        self._values_of = attrgetter(*metric.labels) if metric.labels else _no_values
        self._samples, self._budget = samples, budget
        self._children: dict[object, F] = {}
        if not metric.labels:
            self._take_room({})
            self._children[()] = family

    def of(self, event: Event) -> F:
        """Give the child that counts `event`."""
        values = self._values_of(event)
        return self._children.get(values) or self._made(values)

    def at(self, values: tuple[str, ...]) -> F:
        """Give the child for `values` of the labels."""
        return self._children.get(values) or self._made(values)

    def _made(self, values: object) -> F:
        if len(self._children) >= LABEL_SETS_MAX:
            values = (OTHER,) * len(self._metric.labels)
            if values in self._children:
                return self._children[values]
        texts = [label_text(value) for value in (values if isinstance(values, tuple) else [values])]
        self._take_room(dict(zip(self._metric.labels, texts, strict=True)))
        child: F = self._family.labels(*texts)
        self._children[values] = child
        return child

    def _take_room(self, labels: Mapping[str, str]) -> None:
        self._budget.take(self._samples * sample_bytes(self._metric.name, labels, self._text))


def _no_values(_event: Event) -> object:
    return ()


def label_text(value: object) -> str:
    """Write `value` as the value of a label: bounded, and the word the log has for it."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return str(plain(value, LABEL_CHARS_MAX))


def _follower(counter: prometheus.Counter, read: Read) -> Callable[[], None]:
    told = 0.0

    def follow() -> None:
        nonlocal told
        value = read()
        if value > told:
            counter.inc(value - told)
            told = value

    return follow


def _setter(children: Children[prometheus.Gauge], read: ReadAll) -> Callable[[], None]:
    told: set[tuple[str, ...]] = set()

    def bring_up_to_date() -> None:
        found = read()
        for values in told.difference(found):  # a destination that is no more
            children.at(values).set(0)
        for values, number in found.items():
            children.at(values).set(number)
        told.update(found)

    return bring_up_to_date


class ReadWhenAsked(Collector):
    """Shows what every worker would read alike, by reading it in the one that is asked."""

    def __init__(self) -> None:
        self.watched: dict[GatewayGauge, Read] = {}
        self.families: dict[GatewayGauges, ReadAll] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read all; what cannot be read is left out, and is missed by whoever looks for it."""
        for gauge, read in self.watched.items():
            try:
                value = read()
            except Exception:  # noqa: BLE001, S112 -- a dead disk must not hide the other metrics
                continue
            yield GaugeMetricFamily(gauge.name, gauge.text, value)
        for gauges, read_all in self.families.items():
            try:
                found = dict(list(read_all().items())[:LABEL_SETS_MAX])
            except Exception:  # noqa: BLE001, S112 -- as above
                continue
            family = GaugeMetricFamily(gauges.name, gauges.text, labels=gauges.labels)
            for values, number in found.items():
                family.add_metric([label_text(one) for one in values], number)
            yield family
