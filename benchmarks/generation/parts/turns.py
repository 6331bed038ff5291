"""Part 3: ten turns of one conversation."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.generation.actors import Actor, Cast
from benchmarks.generation.loads import chat
from benchmarks.generation.plan import Plan
from benchmarks.generation.shapes import Shape

TITLE = "Ten turns of one conversation"
ABOUT = """\
Milliseconds to the first token. A persona of 150 tokens, then in every turn 70 tokens said and 30
answered; each prompt is everything so far. *10 : 2*: turn 10 as a multiple of turn 2."""


def measure(cast: Cast, shape: Shape, plan: Plan, titles: dict[str, str]) -> list[dict[str, Any]]:
    def perform(actor: Actor, round_: int) -> list[float]:
        return _talk(actor, round_)

    results = cast.play(perform, plan.turns())
    return [
        {"shape": shape.name, "way": titles[name], **_row(rounds)}
        for name, rounds in results.items()
    ]


def _talk(actor: Actor, round_: int) -> list[float]:
    plan, history, firsts = chat(round_=round_), list[int](), []
    for turn in range(len(plan.said)):
        load = plan.ask(history, turn)
        (trace,) = actor.serve(load).traces
        history = [*load.asks[0].prompt, *trace.tokens]
        firsts.append(trace.first)
    return firsts


def _row(rounds: list[list[float]]) -> dict[str, Any]:
    turns = [median(firsts) for firsts in zip(*rounds, strict=True)]
    row: dict[str, Any] = {f"turn {n}": round(1000 * t, 1) for n, t in enumerate(turns, 1)}
    return row | {"10 : 2": round(turns[9] / turns[1], 2), "rounds": len(rounds)}
