"""Part 4: how precisely the weights are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.generation import figures
from benchmarks.generation.actors import Actor, Cast, Part
from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.loads import Load, together
from benchmarks.generation.plan import REFERENCE, Plan
from benchmarks.generation.shapes import Shape

TITLE = "Precision"
ABOUT = """\
Each in a process of its own: seconds to load from a warm disk, what the weights take, the most
memory until the end, then a prompt of 256 tokens, then tokens a second while 1 and 8 answer, their
prompts not counted. The seed's way answers one at a time. Its int8 is bitsandbytes'."""
NEW = 32
PRECISIONS = {
    "fp32": ("float32", "none"),
    "bf16": ("bfloat16", "none"),
    "fp16": ("float16", "none"),
    "int8": ("bfloat16", "int8"),
    "nf4": ("bfloat16", "nf4"),
}
Figures = dict[str, Any]


def measure(
    parts: Sequence[Part], setting: Setting, shape: Shape, plan: Plan, precisions: Sequence[str]
) -> tuple[list[Figures], dict[str, str]]:
    """The table, and which precision failed for whom, and why."""
    rows: list[Figures] = []
    failed: dict[str, str] = {}
    for precision in precisions:
        dtype, quantisation = PRECISIONS[precision]
        cast = Cast(parts, setting, at_once=False)
        with cast.opened(dtype=dtype, quantisation=quantisation):
            results = cast.play(lambda a, _: _perform(a, plan), {p.name: 1 for p in parts})
        titles = {part.name: part.title for part in parts}
        failed |= {f"{titles[name]}, {precision}": why for name, why in cast.broken.items()}
        for part in parts:
            rows += [
                {"shape": shape.name, "precision": precision, "way": part.title} | row
                for row in results.get(part.name, [])
            ]
    return rows, failed


def _perform(actor: Actor, plan: Plan) -> Figures:
    rounds = range(1 if plan.quick else 3)
    alone = [actor.serve(_load(1, round_)) for round_ in rounds]
    served = alone[-1:]
    row = {
        "load s": round(actor.opening["seconds"], 1),
        "weights MB": round(actor.opening["bytes"] / 2**20),
        "prompt of 256 s": round(figures.middle(alone, lambda s: s.traces[0].first), 2),
        "tokens/s, 1": figures.rounded(figures.middle(alone, lambda s: figures.decoding(s.traces))),
        "tokens/s, 8": "-",
    }
    if actor.part.name != REFERENCE:
        served = [actor.serve(_load(8, round_)) for round_ in rounds]
        eight = figures.middle(served, lambda s: figures.decoding(s.traces))
        row["tokens/s, 8"] = figures.rounded(eight)
    return row | {"peak MB": figures.peak(served, actor.part.name)}


def _load(requests: int, round_: int) -> Load:
    return together(requests, round_=100 + 10 * requests + round_, new=NEW)
