"""An Observer that counts facts in Prometheus' counters and histograms.

Labels have few values: platforms, states, and the titles of configured models.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from bot.operation.facts import (
    ChoreFailed,
    Fact,
    LimitMet,
    LoopLagged,
    MessageRefused,
    ModelAnswered,
    ReplyEnded,
    TransactionEnded,
)

REPLY_SECONDS = (0.25, 0.5, 1, 2, 3, 5, 8, 13, 21, 34, 60, 120, 300)
SPEEDS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
SHORT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Counting:
    """Counts from the start of the program on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._replies = self._counter("replies", "Replies that ended.", "platform", "state")
        self._refused = self._counter(
            "messages_refused", "Messages for the bot that were not admitted.", "platform", "reason"
        )
        self._tokens = self._counter("generated_tokens", "Tokens written in answers.", "model")
        self._read = self._counter("prompt_tokens", "Tokens of the answers' prompts.", "model")
        self._reused = self._counter(
            "prefix_tokens_reused", "Tokens of prompts that were in the cache already.", "model"
        )
        self._edits = self._counter(
            "edits", "Texts on their way to their messages.", "platform", "outcome"
        )
        self._limits = self._counter("rate_limits", "Answers with status 429.", "platform")
        self._failed = self._counter("database_failures", "Transactions that failed.", "operation")
        self._chores = self._counter(
            "background_failures", "Work beside the answers that failed and began again.", "chore"
        )
        self._first = self._histogram(
            "time_to_first_text_seconds",
            "From the claim of a message until its answer's first text was seen.",
            REPLY_SECONDS,
            "platform",
        )
        self._whole = self._histogram(
            "reply_seconds",
            "From the claim of a message until its whole answer stood.",
            REPLY_SECONDS,
            "platform",
        )
        self._lag = self._histogram(
            "final_lag_seconds",
            "From the model's last text until the whole answer stood.",
            REPLY_SECONDS,
            "platform",
        )
        self._speed = self._histogram(
            "tokens_per_second", "Tokens a second within one answer.", SPEEDS, "model"
        )
        self._loop = self._histogram(
            "event_loop_lag_seconds", "How much later than asked the loop came.", SHORT_SECONDS
        )
        self._database = self._histogram(
            "database_seconds",
            "A transaction, waiting for its turn included.",
            SHORT_SECONDS,
            "operation",
        )

    def note(self, fact: Fact) -> None:
        """Count one fact."""
        match fact:
            case ReplyEnded():
                self._reply(fact)
            case TransactionEnded():
                self._database.labels(fact.operation).observe(fact.seconds)
                self._failed.labels(fact.operation).inc(fact.failed)
            case LoopLagged():
                self._loop.observe(fact.seconds)
            case MessageRefused():
                self._refused.labels(fact.platform, fact.reason).inc()
            case LimitMet():
                self._limits.labels(fact.platform).inc()
                self._edits.labels(fact.platform, "throttled").inc(fact.edit)
            case ChoreFailed():
                self._chores.labels(fact.chore).inc()
            case ModelAnswered():
                pass  # readiness remembers when

    def _reply(self, fact: ReplyEnded) -> None:
        platform, times, edits = fact.platform, fact.times, fact.edits
        self._replies.labels(platform, fact.state.value).inc()
        self._edits.labels(platform, "sent").inc(edits.sent)
        self._edits.labels(platform, "merged").inc(edits.merged)
        self._edits.labels(platform, "throttled").inc(edits.throttled)
        if times.shown is not None:
            self._first.labels(platform).observe(times.shown)
        if times.last_text is not None:
            self._whole.labels(platform).observe(times.ended)
            self._lag.labels(platform).observe(times.ended - times.last_text)
        if fact.model:
            self._tokens.labels(fact.model).inc(fact.tokens)
            self._read.labels(fact.model).inc(fact.prompt_tokens)
            self._reused.labels(fact.model).inc(fact.reused_tokens)
        if fact.tokens_per_second is not None:
            self._speed.labels(fact.model).observe(fact.tokens_per_second)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, namespace="quipu", registry=self._registry)

    def _histogram(
        self, name: str, what: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            name, what, labels, namespace="quipu", buckets=buckets, registry=self._registry
        )
