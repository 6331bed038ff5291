"""From traces to figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import TypeVar

from benchmarks.generation.loads import Served, Trace

T = TypeVar("T")


def speed(traces: Sequence[Trace]) -> float:
    """Tokens a second, from the first question to the last token."""
    return sum(len(trace.tokens) for trace in traces) / duration(traces)


def duration(traces: Sequence[Trace]) -> float:
    """Seconds from the first question to the last token."""
    return max(t.times[-1] for t in traces) - min(t.asked for t in traces)


def decoding(traces: Sequence[Trace]) -> float:
    """Tokens a second once every answer has begun."""
    begun = max(trace.times[0] for trace in traces)
    after = [time for trace in traces for time in trace.times if time > begun]
    return len(after) / (max(after) - begun)


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def lined_up(traces: Sequence[Trace], requests: int) -> list[Trace]:
    """What serving one after the other makes of more requests than were measured."""
    ends, lines = duration(traces), []
    for number in range(requests):
        turn, index = divmod(number, len(traces))
        trace = traces[index]
        lines.append(replace(trace, times=[time + turn * ends for time in trace.times]))
    return lines


def middle(rounds: Sequence[T], figure: Callable[[T], float]) -> float:
    """The median over rounds."""
    return median(figure(round_) for round_ in rounds)


def ratio(rounds: Sequence[float], others: Sequence[float]) -> float:
    """The median of the rounds' ratios, so that what slows a whole round down cancels out."""
    return median(one / other for one, other in zip(rounds, others, strict=False))


def same(rounds: Sequence[Sequence[Trace]], others: Sequence[Sequence[Trace]]) -> str:
    """How many of the requests that both answered got the same tokens."""
    pairs = [
        one.tokens == other.tokens
        for some, more in zip(rounds, others, strict=False)
        for one, other in zip(some, more, strict=False)
    ]
    return f"{sum(pairs)} of {len(pairs)}"


def held(rounds: Sequence[Served]) -> float | str:
    """The longest that the event loop was held in any of the rounds, in ms."""
    known = [served.held for served in rounds if served.held is not None]
    return round(1000 * max(known), 1) if known else "-"


def peak(rounds: Sequence[Served], name: str) -> int | str:
    """The most memory in MB; of vLLM, whose model lives in another process, it is not known."""
    return "-" if name == "vllm" else round(max(served.peak for served in rounds))


def rounded(value: float) -> float:
    """To three digits that count."""
    return float(f"{value:.3g}") if abs(value) < 1000 else float(round(value))
