"""The soak as curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.soak.samples import WARM_UP, Sample

COLOURS = {
    "resident": "#b3261e",
    "cache": "#b8a25a",
    "handles": "#4a7fb5",
    "tasks": "#d1813b",
    "threads": "#8f6bb3",
}


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Memory, then handles, tasks and threads, then what was done meanwhile."""
    figure = Figure(figsize=(8.4, 7.2), layout="constrained")
    memory, counts, work = figure.subplots(3, 1, sharex=True)
    minutes = [each.at / 60 for each in samples]
    _line(memory, minutes, [each.resident for each in samples], "resident")
    _line(memory, minutes, [each.cache for each in samples], "cache")
    memory.legend(fontsize=8, frameon=False)
    _name(memory, "memory, MiB")
    for figure_name in ("handles", "tasks", "threads"):
        _line(counts, minutes, [getattr(each, figure_name) for each in samples], figure_name)
    counts.legend(fontsize=8, frameon=False)
    _name(counts, "how many")
    work.plot(minutes, [each.replies for each in samples], color="#888888", label="replies")
    beside = work.twinx()
    beside.plot(minutes, [s.database for s in samples], color="#6a9a5b", label="database, MiB")
    beside.set_ylim(bottom=0)
    beside.set_ylabel("database, MiB", color="#6a9a5b")
    _name(work, "replies ended")
    work.set_xlabel("minutes")
    for ax in (memory, counts, work):
        ax.axvspan(0, samples[-1].at * WARM_UP / 60, color="#888888", alpha=0.12, linewidth=0)
    memory.set_title("Two hundred channels talking; the warm-up is shaded", fontsize=10)
    figure.savefig(path, metadata={"Date": None})


def _line(ax: Axes, x: Sequence[float], y: Sequence[float], name: str) -> None:
    ax.plot(x, y, label=name, color=COLOURS[name], linewidth=1.4)


def _name(ax: Axes, what: str) -> None:
    ax.set_ylim(bottom=0)
    ax.set_ylabel(what)
    ax.grid(alpha=0.25)
