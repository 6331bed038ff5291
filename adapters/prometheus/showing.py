"""Figures of the moment as gauges, and the page that Prometheus fetches."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from adapters.prometheus.counting import Counting
from bot.operation.facts import Fact
from bot.operation.figures import Figures, Load

Samples = Iterator[tuple[tuple[str, ...], float]]


class Metrics:
    """Counts what it is told, asks for the figures when it is read. An Observer."""

    def __init__(self, version: str) -> None:
        # When each series began is of use to nobody here.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._counting = Counting(self._registry)
        self._gauges = Gauges(version)
        self._registry.register(self._gauges)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def note(self, fact: Fact) -> None:
        """Count one fact."""
        self._counting.note(fact)

    async def page(self, figures: Callable[[], Awaitable[Figures]]) -> tuple[bytes, str]:
        """Everything as text, and its content type."""
        self._gauges.figures = await figures()
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class Gauges(Collector):
    """The figures that were gathered last."""

    def __init__(self, version: str) -> None:
        self.figures: Figures | None = None
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """Every family, also those that have no sample at the moment."""
        labels = ["version", "python"]
        yield _gauge("build_info", "1; see the labels.", labels, _build(self._version))
        figures = self.figures
        if figures is None:
            return
        yield from _program(figures)
        yield from _models(figures)

    def describe(self) -> list[Metric]:
        """Nothing: the registry would have to ask before there are figures."""
        return []


def _program(figures: Figures) -> Iterator[Metric]:
    conditions = figures.conditions.items()
    memory = figures.memory
    one = "Places where an answer is being given."
    yield _single("places_answering", one, figures.answering)
    yield _single("messages_waiting", "Claimed messages that wait at Places.", figures.waiting)
    yield _single("asyncio_tasks", "Tasks of the event loop.", figures.tasks)
    yield _single("threads", "Threads of Python.", figures.threads)
    if figures.database_bytes is not None:
        yield _single("database_bytes", "Size of the database.", figures.database_bytes)
    yield _gauge(
        "connected",
        "Whether a platform sends us its events.",
        ["platform"],
        (((name,), is_on) for name, is_on in figures.platforms.items()),
    )
    yield _gauge(
        "ready",
        "Whether a part was ready when last looked at.",
        ["part"],
        (((part,), condition.ready) for part, condition in conditions),
    )
    yield _gauge(
        "device_memory_bytes",
        "Memory of a device that models compute on: used by this process, and all there is.",
        ["device", "kind"],
        (
            ((each.device, kind), size)
            for each in memory
            for kind, size in (("used", each.used), ("total", each.total))
        ),
    )


def _models(figures: Figures) -> Iterator[Metric]:
    models = figures.models
    yield _gauge(
        "model_loaded",
        "Whether a configured model is in memory, or connected to.",
        ["model"],
        (((each.title,), each.loaded) for each in models),
    )
    yield _gauge(
        "model_answered_seconds",
        "Seconds since a model gave text.",
        ["model"],
        (((each.title,), each.answered) for each in models if each.answered is not None),
    )
    loads = [(each.title, each.load) for each in models if each.load is not None]
    yield from _queues(loads)
    yield from _caches(loads)


def _queues(loads: list[tuple[str, Load]]) -> Iterator[Metric]:
    label = ["model"]
    yield _gauge(
        "queue_waiting", "Answers that wait for the model.", label, _of(loads, lambda x: x.waiting)
    )
    yield _gauge(
        "queue_running", "Answers that the model writes.", label, _of(loads, lambda x: x.running)
    )
    yield _gauge(
        "step_seconds",
        "The usual time between two tokens of an answer.",
        label,
        (((title,), x.step_seconds) for title, x in loads if x.step_seconds is not None),
    )
    yield _counter("steps", "Steps that were computed.", _of(loads, lambda x: x.steps))
    yield _counter("model_failures", "Answers that failed.", _of(loads, lambda x: x.failures))
    yield _counter(
        "worker_restarts", "Times the worker began anew.", _of(loads, lambda x: x.restarts)
    )
    yield _counter(
        "memory_shortages",
        "Steps for which memory was short.",
        _of(loads, lambda x: x.shortages),
    )
    yield _counter(
        "preemptions",
        "Answers that were put back for want of memory.",
        _of(loads, lambda x: x.preempted),
    )


def _caches(loads: list[tuple[str, Load]]) -> Iterator[Metric]:
    labels = ["model", "kind"]
    tokens = (
        ((title, kind), float(count))
        for title, x in loads
        for kind, count in (
            ("used", x.taken_tokens),
            ("total", x.taken_tokens + x.room_tokens),
        )
    )
    sizes = (
        ((title, kind), float(count))
        for title, x in loads
        for kind, count in (("used", x.bytes_used), ("total", x.bytes_budgeted))
    )
    yield _gauge("cache_tokens", "Tokens that keys and values have room for.", labels, tokens)
    yield _gauge("cache_bytes", "Bytes of keys and values.", labels, sizes)
    yield _gauge(
        "cache_conversations",
        "Conversations kept for their next turn.",
        ["model"],
        _of(loads, lambda x: x.retained),
    )
    yield _counter(
        "cache_evictions",
        "Conversations given up for others.",
        _of(loads, lambda x: x.evicted),
    )


def _build(version: str) -> Samples:
    yield (version, platform.python_version()), 1.0


def _of(loads: list[tuple[str, Load]], figure: Callable[[Load], float]) -> Samples:
    for title, load in loads:
        yield (title,), figure(load)


def _single(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"quipu_{name}", what, value=value)


def _gauge(name: str, what: str, labels: list[str], samples: Samples) -> Metric:
    family = GaugeMetricFamily(f"quipu_{name}", what, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family


def _counter(name: str, what: str, samples: Samples) -> Metric:
    family = CounterMetricFamily(f"quipu_{name}", what, labels=["model"])
    for values, value in samples:
        family.add_metric(values, float(value))
    return family
