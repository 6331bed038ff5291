"""The curves, one picture each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.generation.parts.staggered import SHARES

Rows = Sequence[Mapping[str, Any]]
COLOURS = {
    "seed's way": "#888888",
    "padded generate": "#b8a25a",
    "ContinuousBatching": "#d1813b",
    "vLLM": "#4a7fb5",
    "prototype": "#8f6bb3",
    "Quipu": "#b3261e",
}


def draw(tables: Mapping[str, Rows], gaps: Mapping[str, Sequence[float]], stem: Path) -> list[Path]:
    """Pictures beside `stem`, for what was measured."""
    made = []
    if rows := tables.get("together"):
        made.append(_together(rows, stem.with_name(f"{stem.name}-together.svg")))
    if rows := tables.get("turns"):
        made.append(_turns(rows, stem.with_name(f"{stem.name}-turns.svg")))
    if gaps:
        made.append(_gaps(gaps, stem.with_name(f"{stem.name}-gaps.svg")))
    return made


def _together(rows: Rows, path: Path) -> Path:
    shapes = list(dict.fromkeys(row["shape"] for row in rows))
    figure = Figure(figsize=(4.2 * len(shapes), 3.4), layout="constrained")
    axes = figure.subplots(1, len(shapes), squeeze=False)[0]
    for ax, shape in zip(axes, shapes, strict=True):
        for way in _ways(rows):
            of = [r for r in rows if r["shape"] == shape and r["way"] == way]
            _line(ax, way, [r["requests"] for r in of], [r["tokens/s"] for r in of])
        ax.set_xscale("log", base=2)
        ax.set_xticks(sorted({r["requests"] for r in rows}), minor=False)
        ax.xaxis.set_major_formatter("{x:.0f}")
        _name(ax, shape, "requests at once", "tokens/s")
    return _save(figure, axes[0], path)


def _turns(rows: Rows, path: Path) -> Path:
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    ax = figure.subplots()
    for row in rows:
        turns = [number for number in range(1, 100) if f"turn {number}" in row]
        _line(ax, row["way"], turns, [row[f"turn {number}"] for number in turns])
    ax.set_ylim(bottom=0)
    _name(ax, str(rows[0]["shape"]), "turn of the conversation", "first token, ms")
    return _save(figure, ax, path)


def _gaps(gaps: Mapping[str, Sequence[float]], path: Path) -> Path:
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    ax = figure.subplots()
    for way, values in gaps.items():
        _line(ax, way, [1000 * value for value in values], [100 * s for s in SHARES], marker="")
    ax.set_xscale("log")
    ax.set_xticks([2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000])
    ax.xaxis.set_major_formatter("{x:.0f}")
    ax.xaxis.set_minor_formatter("")
    most = max(values[-1] for values in gaps.values())
    ax.set_xlim(1000 * min(values[0] for values in gaps.values()) or 1, 1000 * most)
    _name(ax, "one request every 0.4 s", "gap between tokens, ms", "% of gaps no longer")
    return _save(figure, ax, path)


def _ways(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["way"] for row in rows))


def _line(ax: Axes, way: str, x: Sequence[float], y: Sequence[float], marker: str = "o") -> None:
    width = 2.4 if way == "Quipu" else 1.3
    ax.plot(x, y, marker=marker, markersize=3.5, label=way, color=COLOURS.get(way), linewidth=width)


def _name(ax: Axes, title: str, x: str, y: str) -> None:
    ax.set_title(title, fontsize=10)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.grid(alpha=0.25)


def _save(figure: Figure, labelled: Axes, path: Path) -> Path:
    labelled.legend(fontsize=7, frameon=False)
    figure.savefig(path, metadata={"Date": None})
    return path
