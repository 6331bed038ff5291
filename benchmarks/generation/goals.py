"""The aims, and whether the tables reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]
OURS, PROTOTYPE, VLLM = "Quipu", "prototype", "vLLM"
TITLE = "Goals"


def goals(tables: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """One row for each goal whose part was measured, and for those that need a GPU."""
    rows = [
        *_together(tables.get("together", [])),
        *_staggered(tables.get("staggered", [])),
        *_turns(tables.get("turns", [])),
        *_bandwidth(tables.get("bandwidth", [])),
        *_on_a_gpu(tables.get("together", [])),
    ]
    return rows or [_row("none of the goals' parts was measured", "-", "-", None)]


def _row(goal: str, measured: Any, wanted: str, reached: bool | None) -> dict[str, Any]:
    verdict = {True: "met", False: "MISSED", None: "not measured"}[reached]
    return {"goal": goal, "measured": measured, "wanted": wanted, "verdict": verdict}


def _find(rows: Rows, way: str, **wanted: Any) -> Mapping[str, Any] | None:
    for row in rows:
        if row["way"] == way and all(row[key] == value for key, value in wanted.items()):
            return row
    return None


def _together(rows: Rows) -> list[dict[str, Any]]:
    found = []
    for shape, words, least in (
        ("1b", "1.1B bf16", 8.5),
        ("110m", "110M fp32", 3.7),
        ("7b", "7B", 12),
    ):
        row = _find(rows, OURS, shape=shape, requests=16)
        if row is None:
            continue
        ratio = row["x seed"]
        goal = f"16 at once, {words}, as a multiple of the seed's way"
        reached = ratio >= least if isinstance(ratio, float) else None
        found.append(_row(goal, ratio, f">= {least}", reached))
    ours, vllm = (_find(rows, way, shape="1b", requests=16) for way in (OURS, VLLM))
    if ours and vllm:
        speed, other = ours["tokens/s"], vllm["tokens/s"]
        found.append(
            _row(
                "16 at once, 1.1B bf16, beside vLLM, tokens/s", speed, f">= {other}", speed >= other
            )
        )
    elif ours:
        found.append(_row("16 at once, 1.1B bf16, beside vLLM", "-", "no less", None))
    return [*found, *_held(rows)]


def _held(rows: Rows) -> list[dict[str, Any]]:
    ours = [r for r in rows if r["way"] == OURS and r["requests"] == 16]
    if not ours:
        return []
    worst = max(row["held ms"] for row in ours)
    return [_row("event loop held while 16 talk, ms", worst, "<= 50", worst <= 50)]


def _staggered(rows: Rows) -> list[dict[str, Any]]:
    ours, other = _find(rows, OURS, shape="110m"), _find(rows, PROTOTYPE, shape="110m")
    if ours is None:
        return []
    first, gap = ours["first token s, p95"], ours["gap s, p95"]
    found = [
        _beside(
            "first token p95, s", first, 0.9, other["first token s, p95"] if other else None, 0.94
        ),
        _beside("token gap p95, s", gap, 0.3, other["gap s, p95"] if other else None, 0.35),
    ]
    if other:
        speed, least = ours["tokens/s"], other["tokens/s"]
        found.append(
            _row("one every 0.4 s: tokens/s", speed, f">= {least} (prototype)", speed >= least)
        )
    return found


def _beside(
    figure: str, value: float, most: float, other: float | None, known: float
) -> dict[str, Any]:
    """The limit was set for a machine on which the prototype has its `known` figure.

    On a faster or slower one the limit moves with what the prototype reaches there.
    """
    limit = most if other is None else most * other / known
    words = f"<= {most} where the prototype has {known}"
    here = "" if other is None else f"; it has {other} here, so <= {limit:.3f}"
    return _row(f"one every 0.4 s: {figure}", value, words + here, value <= limit)


def _turns(rows: Rows) -> list[dict[str, Any]]:
    found = [row for row in rows if row["way"] == OURS]
    return [
        _row(
            f"first token of turn 10 : turn 2, {r['shape']}",
            r["10 : 2"],
            "<= 1.2",
            r["10 : 2"] <= 1.2,
        )
        for r in found
    ]


def _on_a_gpu(rows: Rows) -> list[dict[str, Any]]:
    """What is wanted of a GPU and was not measured."""
    if not rows or _find(rows, OURS, shape="7b"):
        return []
    return [
        _row("16 at once, 7B on a GPU, as a multiple of the seed's way", "-", ">= 12", None),
        _row("one talker's share of the copy bandwidth, 7B on a GPU", "-", ">= 0.85", None),
    ]


def _bandwidth(rows: Rows) -> list[dict[str, Any]]:
    found = [row for row in rows if row["way"] == OURS and row["shape"] == "7b"]
    return [
        _row(
            "one talker's share of the copy bandwidth, 7B",
            r["share"],
            ">= 0.85",
            r["share"] >= 0.85,
        )
        for r in found
    ]
