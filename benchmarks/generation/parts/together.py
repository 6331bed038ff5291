"""Part 1: so many requests at once."""

from __future__ import annotations

from typing import Any

from benchmarks.generation import figures
from benchmarks.generation.actors import Actor, Cast
from benchmarks.generation.loads import Served, together
from benchmarks.generation.plan import REFERENCE, Plan
from benchmarks.generation.shapes import Shape

Rounds = dict[int, Served]
TITLE = "Requests at once"
ABOUT = """\
Prompts of 192 to 320 tokens, 64 new tokens, greedy, no end token. *x seed*: tokens a second as a
multiple of the seed's way, round by round, the median. The seed's way answers one request after the
other; it was given as many as *measured* says, and what it does to more of them follows. *Held*:
the longest that the event loop was kept, in ms. *Same tokens*: requests answered exactly as the
seed's way answers them (in bf16, near-ties fall differently in batches of different size)."""


def measure(cast: Cast, shape: Shape, plan: Plan, titles: dict[str, str]) -> list[dict[str, Any]]:
    def perform(actor: Actor, round_: int) -> Rounds:
        counts = plan.requests(shape.name, round_)
        if actor.part.name == REFERENCE:
            requests = min(plan.serial(shape.name), max(counts))
            return {requests: actor.serve(together(requests, round_=round_))}
        return {count: actor.serve(together(count, round_=round_)) for count in counts}

    results = cast.play(perform, plan.each(shape.name))
    seed = [next(iter(served.values())) for served in results.pop(REFERENCE, [])]
    rows = []
    for count in plan.requests(shape.name, 0):
        if seed:
            rows.append(_seed_row(shape.name, count, seed, titles[REFERENCE]))
        for name, rounds in results.items():
            served = {number: r[count] for number, r in enumerate(rounds) if count in r}
            rows.append(_row(shape.name, count, name, served, seed) | {"way": titles[name]})
    return rows


def _seed_row(shape: str, count: int, seed: list[Served], title: str) -> dict[str, Any]:
    measured = min(count, len(seed[0].traces))
    lines = [figures.lined_up(s.traces[:measured], count) for s in seed]
    speeds = [figures.speed(traces) for traces in lines]
    firsts = [[trace.first for trace in traces] for traces in lines]
    row = _cells(shape, count, speeds, firsts)
    return row | {
        "way": title,
        "x seed": 1.0,
        "peak MB": figures.peak(seed, REFERENCE),
        "rounds": len(seed),
        "measured": f"{measured} of {count}",
    }


def _row(
    shape: str, count: int, name: str, served: dict[int, Served], seed: list[Served]
) -> dict[str, Any]:
    rounds = list(served.values())
    speeds = [figures.speed(s.traces) for s in rounds]
    beside = [seed[number].traces for number in served if number < len(seed)]
    row = _cells(shape, count, speeds, [[t.first for t in s.traces] for s in rounds])
    row |= {
        "way": name,
        "held ms": figures.held(rounds),
        "peak MB": figures.peak(rounds, name),
        "rounds": len(rounds),
        "measured": f"{count} of {count}",
    }
    if beside:
        one_by_one = [figures.speed(figures.lined_up(t[:count], count)) for t in beside]
        row["x seed"] = figures.rounded(figures.ratio(speeds, one_by_one))
        row["same tokens"] = figures.same([s.traces for s in rounds], beside)
    return row


def _cells(
    shape: str, count: int, speeds: list[float], firsts: list[list[float]]
) -> dict[str, Any]:
    return {
        "shape": shape,
        "requests": count,
        "way": "",
        "tokens/s": figures.rounded(figures.middle(speeds, float)),
        "x seed": "-",
        "first token s, median": round(
            figures.middle(firsts, lambda f: figures.quantile(f, 0.5)), 3
        ),
        "first token s, worst": round(figures.middle(firsts, max), 3),
        "held ms": "-",
        "peak MB": "-",
        "rounds": 0,
        "measured": "",
        "same tokens": "-",
    }
