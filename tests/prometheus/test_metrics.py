"""The page that Prometheus fetches: sound, complete, and with few values for every label."""

from __future__ import annotations

import re

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from adapters.prometheus.showing import Metrics
from bot.operation.facts import (
    ChoreFailed,
    Edits,
    Fact,
    LimitMet,
    LoopLagged,
    MessageRefused,
    ModelAnswered,
    ReplyEnded,
    Times,
    TransactionEnded,
)
from bot.operation.figures import DeviceMemory, Figures
from bot.values import ReplyState
from tests.prometheus.given import figures

WHOLE = ReplyEnded(
    "discord",
    ReplyState.DELIVERED,
    Times(queued=0.1, first_text=0.4, shown=0.6, last_text=3.0, ended=3.5),
    Edits(sent=5, merged=20, throttled=1),
    "Llama 2",
    tokens=40,
    prompt_tokens=100,
    reused_tokens=80,
    tokens_per_second=15.0,
)


async def read(metrics: Metrics, now: Figures) -> dict[str, Metric]:
    async def ask() -> Figures:
        return now

    page, kind = await metrics.page(ask)
    assert kind.startswith("text/plain; version=")
    return {family.name: family for family in text_string_to_metric_families(page.decode())}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    found = [
        each.value
        for family in families.values()
        for each in family.samples
        if each.name == sample and labels.items() <= each.labels.items()
    ]
    assert len(found) == 1, (sample, labels, found)
    return found[0]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


async def test_a_reply_is_counted_with_its_times_tokens_and_edits(metrics: Metrics) -> None:
    metrics.note(WHOLE)
    metrics.note(ReplyEnded("slack", ReplyState.MERGED))
    found = await read(metrics, figures())
    assert value(found, "quipu_replies_total", platform="discord", state="delivered") == 1
    assert value(found, "quipu_replies_total", platform="slack", state="merged") == 1
    assert value(found, "quipu_generated_tokens_total", model="Llama 2") == 40
    assert value(found, "quipu_prompt_tokens_total", model="Llama 2") == 100
    assert value(found, "quipu_prefix_tokens_reused_total", model="Llama 2") == 80
    for outcome, count in (("sent", 5), ("merged", 20), ("throttled", 1)):
        assert value(found, "quipu_edits_total", platform="discord", outcome=outcome) == count
    assert value(found, "quipu_time_to_first_text_seconds_sum", platform="discord") == 0.6
    assert value(found, "quipu_final_lag_seconds_sum", platform="discord") == 0.5
    assert value(found, "quipu_reply_seconds_count", platform="discord") == 1
    assert value(found, "quipu_tokens_per_second_sum", model="Llama 2") == 15


@pytest.mark.parametrize(
    ("fact", "sample", "labels"),
    [
        (MessageRefused("slack", "limits"), "messages_refused_total", {"reason": "limits"}),
        (LimitMet("discord", edit=True), "rate_limits_total", {"platform": "discord"}),
        (LimitMet("discord", edit=True), "edits_total", {"outcome": "throttled"}),
        (TransactionEnded("write", 0.1, failed=True), "database_failures_total", {}),
        (TransactionEnded("read", 0.1), "database_seconds_count", {"operation": "read"}),
        (ChoreFailed("retention"), "background_failures_total", {"chore": "retention"}),
        (LoopLagged(0.2), "event_loop_lag_seconds_count", {}),
    ],
)
async def test_every_other_fact_is_counted(
    metrics: Metrics, fact: Fact, sample: str, labels: dict[str, str]
) -> None:
    metrics.note(fact)
    metrics.note(ModelAnswered("Llama 2"))
    assert value(await read(metrics, figures()), f"quipu_{sample}", **labels) == 1


async def test_the_figures_of_the_moment_are_shown(metrics: Metrics) -> None:
    found = await read(metrics, figures())
    assert value(found, "quipu_queue_waiting", model="Llama 2") == 3
    assert value(found, "quipu_cache_tokens", kind="used") == 100
    assert value(found, "quipu_cache_tokens", kind="total") == 1000
    assert value(found, "quipu_model_loaded", model="Asleep") == 0
    assert value(found, "quipu_connected", platform="slack") == 0
    assert value(found, "quipu_ready", part="model") == 1
    assert value(found, "quipu_device_memory_bytes", device="cuda:0", kind="total") == 80
    assert value(found, "quipu_asyncio_tasks") == 12
    assert value(found, "quipu_build_info", version="1.2.3") == 1
    assert value(found, "process_open_fds") > 0


async def test_names_helps_and_units_are_as_prometheus_wants_them(metrics: Metrics) -> None:
    metrics.note(WHOLE)
    found = await read(metrics, figures())
    ours = {name: family for name, family in found.items() if name.startswith("quipu_")}
    assert len(ours) > 30
    for name, family in ours.items():
        assert re.fullmatch(r"quipu(_[a-z]+)+", name), name
        assert re.fullmatch(r"[A-Z1].*\.", family.documentation), name
        assert family.type in {"counter", "gauge", "histogram"}, name
        totals = [each.name.endswith("_total") for each in family.samples]
        assert all(totals) == (family.type == "counter") or not totals, name
        assert not name.endswith(("_milliseconds", "_ms", "_megabytes", "_count")), name


async def test_every_label_has_few_values(metrics: Metrics) -> None:
    metrics.note(WHOLE)
    allowed = {
        "platform",
        "state",
        "reason",
        "model",
        "outcome",
        "operation",
        "part",
        "kind",
        "device",
        "version",
        "python",
        "le",
    }
    for name, family in (await read(metrics, figures())).items():
        if name.startswith("quipu_"):
            for each in family.samples:
                assert each.labels.keys() <= allowed, name


async def test_two_sets_of_metrics_know_nothing_of_each_other(metrics: Metrics) -> None:
    metrics.note(WHOLE)
    other = Metrics("1.2.3")
    found = await read(other, figures(memory=(DeviceMemory("cpu", 1, 2),)))
    assert found["quipu_replies"].samples == []
