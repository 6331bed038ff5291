"""Part 2: people come one after the other."""

from __future__ import annotations

from typing import Any

from benchmarks.generation import figures
from benchmarks.generation.actors import Actor, Cast
from benchmarks.generation.loads import Served, staggered
from benchmarks.generation.plan import Plan
from benchmarks.generation.shapes import Shape

TITLE = "One request every 0.4 s"
ABOUT = """\
24 requests, prompts of 64 to 448 tokens, answers of 16 to 128. *Gap*: seconds between one token of
an answer and the next, over all answers."""
SHARES = [share / 100 for share in range(0, 100, 2)] + [0.99, 0.995, 1.0]


def measure(
    cast: Cast, shape: Shape, plan: Plan, titles: dict[str, str]
) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """The table, and for every way the quantiles of its gaps."""
    requests, every = (8, 0.1) if plan.quick else (24, 0.4)

    def perform(actor: Actor, round_: int) -> Served:
        return actor.serve(staggered(round_=round_, requests=requests, every=every))

    results = cast.play(perform, plan.staggered())
    rows = [
        {"shape": shape.name, "way": titles[n]} | _row(n, rounds) for n, rounds in results.items()
    ]
    return rows, {titles[name]: _gaps(rounds) for name, rounds in results.items()}


def _row(name: str, rounds: list[Served]) -> dict[str, Any]:
    def at(figure: str, share: float) -> float:
        return round(figures.middle(rounds, lambda s: figures.quantile(_all(s, figure), share)), 3)

    return {
        "total s": round(figures.middle(rounds, lambda s: figures.duration(s.traces)), 1),
        "tokens/s": figures.rounded(figures.middle(rounds, lambda s: figures.speed(s.traces))),
        "first token s, median": at("first", 0.5),
        "first token s, p95": at("first", 0.95),
        "gap s, p95": at("gaps", 0.95),
        "gap s, worst": at("gaps", 1.0),
        "held ms": figures.held(rounds),
        "peak MB": figures.peak(rounds, name),
        "rounds": len(rounds),
    }


def _all(served: Served, figure: str) -> list[float]:
    if figure == "first":
        return [trace.first for trace in served.traces]
    return [gap for trace in served.traces for gap in trace.gaps]


def _gaps(rounds: list[Served]) -> list[float]:
    gaps = [gap for served in rounds for gap in _all(served, "gaps")]
    return [round(figures.quantile(gaps, share), 5) for share in SHARES]
