"""On a GPU: how much of the memory's measured speed a single talker reaches."""

from __future__ import annotations

from typing import Any

from benchmarks.generation import figures
from benchmarks.generation.actors import Actor, Cast
from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.loads import VOCABULARY, Load, together
from benchmarks.generation.plan import Plan
from benchmarks.generation.shapes import Shape

TITLE = "One talker's share of the device's bandwidth"
ABOUT = """\
One prompt of 256 tokens, 256 new. Every token must read all weights but the embedding table, and
the keys and values so far. *Bandwidth*: reading and writing of a 4 GiB copy within the device."""
NEW = 256
GIBIBYTES, REPEATS = 4, 20


def measure(
    cast: Cast, shape: Shape, setting: Setting, plan: Plan, titles: dict[str, str]
) -> list[dict[str, Any]]:
    bandwidth = copy_bandwidth(setting)

    def perform(actor: Actor, round_: int) -> float:
        return figures.decoding(actor.serve(_load(round_)).traces)

    rows = []
    for name, rounds in cast.play(perform, plan.turns()).items():
        speed = figures.middle(rounds, float)
        read = speed * _read_per_token(shape)
        rows.append(
            {
                "shape": shape.name,
                "way": titles[name],
                "tokens/s": figures.rounded(speed),
                "read GB/s": round(read / 1e9),
                "bandwidth GB/s": round(bandwidth / 1e9),
                "share": round(read / bandwidth, 3),
                "rounds": len(rounds),
            }
        )
    return rows


def copy_bandwidth(setting: Setting) -> float:
    """Bytes read and written in a second by a large copy on the device."""
    import torch

    source = torch.ones(GIBIBYTES * 2**28, dtype=torch.float32, device=setting.device)
    target = torch.empty_like(source)
    target.copy_(source)
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(REPEATS):
        target.copy_(source)
    end.record()
    torch.cuda.synchronize()
    seconds = start.elapsed_time(end) / 1000
    size = source.numel() * source.element_size()
    del source, target
    torch.cuda.empty_cache()
    return float(2 * size * REPEATS / seconds)


def _read_per_token(shape: Shape) -> float:
    width = shape.hidden // shape.heads * shape.kv_heads
    layer = 2 * shape.hidden * (shape.hidden + width) + 3 * shape.hidden * shape.inner
    weights = shape.layers * layer + VOCABULARY * shape.hidden
    return 2 * weights + shape.kv_bytes * (256 + NEW / 2)


def _load(round_: int) -> Load:
    return together(1, round_=200 + round_, new=NEW)
