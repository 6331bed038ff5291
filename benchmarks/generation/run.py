"""One run: which contenders there are, and the parts one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.generation.actors import Cast, Part
from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.contenders.vllm import RESERVED
from benchmarks.generation.goals import TITLE as GOALS
from benchmarks.generation.goals import goals
from benchmarks.generation.page import Page
from benchmarks.generation.parts import bandwidth, precision, staggered, together, turns
from benchmarks.generation.plan import REFERENCE, Plan
from benchmarks.generation.shapes import SHAPES, Shape, make
from bot.generation.weights.machine import available_memory, processors

PARTS = ("together", "staggered", "turns", "precision")
TITLES = {
    REFERENCE: "seed's way",
    "padded": "padded generate",
    "batching": "ContinuousBatching",
    "vllm": "vLLM",
    "prototype": "prototype",
    "quipu": "Quipu",
}
SPARE = 1.2e9
"""What a process needs beside the weights: libraries, keys and values, what a step computes."""
COPIES = 3
"""Of the weights: Quipu's packed ones, vLLM's, and the file in memory that the others share."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line asked for."""

    shapes: Sequence[str]
    parts: Sequence[str]
    precisions: Sequence[str]
    only: Sequence[str] | None
    prototype: Path | None
    vllm: Path | None
    folder: Path
    device: str
    threads: int | None


class Run:
    def __init__(self, choice: Choice, plan: Plan) -> None:
        self._choice = choice
        self._plan = plan
        self._parts = self._contenders()
        hardware, about = _hardware(choice.device)
        self._page = Page(about, hardware)
        if plan.quick:
            self._page.notes.append("A quick run: it shows that all of it works, not how fast.")
        self._missing()

    def measure(self, so_far: Callable[[Page], None]) -> Page:
        """Everything that was chosen; `so_far` is given the page each time there is more on it."""
        for name in self._choice.shapes:
            shape = SHAPES[name]
            setting = self._setting(shape)
            self._serve(shape, setting)
            self._judged(so_far)
            if "precision" in self._choice.parts and shape is self._precise():
                self._precision(shape, setting)
        return self._judged(so_far)

    def _judged(self, so_far: Callable[[Page], None]) -> Page:
        self._page.put("goals", GOALS, "", goals(self._page.tables))
        so_far(self._page)
        return self._page

    def _serve(self, shape: Shape, setting: Setting) -> None:
        parts, began = self._choice.parts, time.monotonic()
        chatty = shape is self._chatty()
        if "together" not in parts and not chatty:
            return
        cast = Cast(self._parts, setting, at_once=self._fits(shape))
        with cast.opened():
            self._took(f"{shape.name}: loading", began)
            if "together" in parts:
                rows = together.measure(cast, shape, self._plan, TITLES)
                self._page.add("together", together.TITLE, together.ABOUT, rows)
                self._took(f"{shape.name}: requests at once", began)
            if chatty:
                self._chat(cast, shape)
            if shape.large:
                rows = bandwidth.measure(cast, shape, setting, self._plan, TITLES)
                self._page.add("bandwidth", bandwidth.TITLE, bandwidth.ABOUT, rows)
        self._failed(shape.name, cast.broken)

    def _chat(self, cast: Cast, shape: Shape) -> None:
        began = time.monotonic()
        if "staggered" in self._choice.parts:
            rows, gaps = staggered.measure(cast, shape, self._plan, TITLES)
            self._page.add("staggered", staggered.TITLE, staggered.ABOUT, rows)
            self._page.gaps = gaps
            self._took(f"{shape.name}: one after the other", began)
        if "turns" in self._choice.parts:
            rows = turns.measure(cast, shape, self._plan, TITLES)
            self._page.add("turns", turns.TITLE, turns.ABOUT, rows)
            self._took(f"{shape.name}: and turns", began)

    def _precision(self, shape: Shape, setting: Setting) -> None:
        began = time.monotonic()
        parts = [part for part in self._parts if part.name in (REFERENCE, "quipu")]
        rows, failed = precision.measure(parts, setting, shape, self._plan, self._choice.precisions)
        self._page.add("precision", precision.TITLE, precision.ABOUT, rows)
        self._failed(shape.name, failed)
        self._took(f"{shape.name}: precision", began)

    def _contenders(self) -> list[Part]:
        names = [REFERENCE, "padded", "batching"]
        names += ["prototype"] if self._choice.prototype and self._choice.device == "cpu" else []
        parts = [Part(name, TITLES[name]) for name in names]
        if self._choice.vllm:
            parts.append(Part("vllm", TITLES["vllm"], str(self._choice.vllm)))
        parts.append(Part("quipu", TITLES["quipu"]))
        only = self._choice.only
        return [p for p in parts if only is None or p.name in (REFERENCE, *only)]

    def _setting(self, shape: Shape) -> Setting:
        return Setting(
            shape=shape.name,
            checkpoint=str(make(shape, self._choice.folder)),
            device=self._choice.device,
            dtype=shape.dtype,
            threads=self._choice.threads or processors(),
            prototype=str(self._choice.prototype or ""),
        )

    def _chatty(self) -> Shape | None:
        """The shape for the conversations: neither trifling nor slow."""
        if not {"staggered", "turns"} & set(self._choice.parts):
            return None
        usual = "110m" if self._choice.device == "cpu" else "7b"
        shapes = self._choice.shapes
        return SHAPES[usual if usual in shapes else shapes[-1]]

    def _precise(self) -> Shape | None:
        """The largest shape that is on disk, where precision begins."""
        small = [SHAPES[name] for name in self._choice.shapes if not SHAPES[name].large]
        return small[-1] if small else None

    def _fits(self, shape: Shape) -> bool:
        """Whether all contenders have room side by side."""
        import torch

        if self._choice.device != "cpu":
            return False
        weights = (self._choice.folder / shape.name / "model.safetensors").stat().st_size
        vllm = RESERVED if self._choice.vllm else 0
        needed = COPIES * weights + len(self._parts) * SPARE + vllm
        return needed < available_memory(torch.device("cpu"))

    def _missing(self) -> None:
        there = {part.name for part in self._parts}
        if absent := [TITLES[name] for name in TITLES if name not in there]:
            self._page.notes.append(f"Not asked for, or not at hand: {', '.join(absent)}.")

    def _failed(self, shape: str, broken: dict[str, str]) -> None:
        for name, why in broken.items():
            self._page.notes.append(f"Failed: {TITLES.get(name, name)} with {shape}: {why}")

    def _took(self, what: str, began: float) -> None:
        report.progress(f"{what}, {time.monotonic() - began:.0f} s")


def _hardware(device: str) -> tuple[str, dict[str, Any]]:
    about = report.circumstances("torch", "transformers")
    if device == "cpu":
        return f"{about['processor']}, {about['cores']} cores", about
    import torch

    name = torch.cuda.get_device_name()
    return name, about | {"gpu": name, "cuda": torch.version.cuda}
