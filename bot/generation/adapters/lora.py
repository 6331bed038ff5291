"""Low-rank additions to linear layers: several adapters' in one packed row of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional

from bot.generation.transfer import send

SHORT = 16
"""Tokens up to which runs of several adapters are computed together, for fewer and larger steps."""
WASTE = {"cpu": 250_000}
"""Products that may be computed in vain to save one run's own calls; measured on a CPU."""
MUCH_WASTE = 100_000_000
"""On other devices calls are what costs."""


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens [first, last) of the packed row, all of one adapter; -1 stands for none."""

    adapter: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many tokens."""
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Addition:
    """Tokens [first, last) and the ranks [low, high) of the stack that are added to them.

    `foreign` is true for ranks of adapters that are not the token's; None where all are its own.
    """

    first: int
    last: int
    low: int
    high: int
    foreign: Tensor | None = None


def merge(parts: Sequence[tuple[int, int, int]]) -> tuple[Run, ...]:
    """Join neighbours of one adapter; nothing is left where no part has an adapter."""
    runs: list[Run] = []
    for adapter, first, last in parts:
        if runs and runs[-1].adapter == adapter and runs[-1].last == first:
            runs[-1] = Run(adapter, runs[-1].first, last)
        elif last > first:
            runs.append(Run(adapter, first, last))
    return tuple(runs) if any(run.adapter >= 0 for run in runs) else ()


class Layout:
    """Where each adapter's ranks lie in the stack of a layer; layers that agree in it share it.

    `width` is that of the layer's input and output together. `additions` says what the next
    forward adds.
    """

    def __init__(self, ranks: Sequence[int], width: int, device: torch.device) -> None:
        self.additions: tuple[Addition, ...] = ()
        self._ends = tuple(accumulate(ranks))
        self._starts = (0, *self._ends[:-1])
        owners = torch.arange(len(ranks)).repeat_interleave(torch.tensor(ranks))
        self._owners = owners.to(device)
        self._width = width
        self._waste = WASTE.get(device.type, MUCH_WASTE)

    def place(self, runs: Sequence[Run]) -> None:
        """Set what the next forward adds to these runs."""
        self.additions = tuple(self._additions(runs))

    def _additions(self, runs: Sequence[Run]) -> Iterator[Addition]:
        for cluster in _clusters(runs):
            own = [run for run in cluster if self._rank(run)]
            low = min((self._starts[run.adapter] for run in own), default=0)
            high = max((self._ends[run.adapter] for run in own), default=0)
            if len(own) > 1 and self._saves(own, high - low):
                yield self._together(own, low, high)
            else:
                yield from (self._alone(run) for run in own)

    def _saves(self, runs: Sequence[Run], ranks: int) -> bool:
        """Whether calls saved outweigh what is computed for tokens of other adapters."""
        wanted = sum(run.count * self._rank(run) for run in runs)
        vain = (runs[-1].last - runs[0].first) * ranks - wanted
        return vain * self._width <= self._waste * (len(runs) - 1)

    def _rank(self, run: Run) -> int:
        return 0 if run.adapter < 0 else self._ends[run.adapter] - self._starts[run.adapter]

    def _alone(self, run: Run) -> Addition:
        return Addition(run.first, run.last, self._starts[run.adapter], self._ends[run.adapter])

    def _together(self, runs: Sequence[Run], low: int, high: int) -> Addition:
        first, last = runs[0].first, runs[-1].last
        adapters = [-1] * (last - first)
        for run in runs:
            adapters[run.first - first : run.last - first] = [run.adapter] * run.count
        owners = self._owners[low:high]
        foreign = send(adapters, owners.device)[:, None] != owners
        return Addition(first, last, low, high, foreign)


class Stack:
    """All adapters' matrices for one linear layer; a forward hook that adds what is placed.

    `down` is [ranks, in], `up` is [ranks, out] with the scaling in it. A hook, since the layer may
    be anything that is called with a row of tokens, quantised or packed, and remains untouched.
    """

    def __init__(self, layout: Layout, down: Tensor, up: Tensor) -> None:
        self._layout = layout
        self._down = down
        self._up = up

    @property
    def nbytes(self) -> int:
        """Memory that the matrices take."""
        return self._down.nbytes + self._up.nbytes

    def __call__(self, _: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        """Add to the layer's output, in place; [1, tokens, in] and [1, tokens, out]."""
        for addition in self._layout.additions:
            part = slice(addition.first, addition.last)
            ranks = slice(addition.low, addition.high)
            tokens = given[0][0, part].to(self._down.dtype)
            inner = functional.linear(tokens, self._down[ranks])
            if addition.foreign is not None:
                # Filled, not multiplied by 0, which would leave another adapter's infinity as NaN.
                inner.masked_fill_(addition.foreign, 0.0)
            sums = output[0, part]
            if sums.dtype is inner.dtype:
                sums.addmm_(inner, self._up[ranks])
            else:
                sums.add_(inner @ self._up[ranks])


def _clusters(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Neighbouring short runs together, each long one alone."""
    cluster: list[Run] = []
    for run in runs:
        if run.count <= SHORT:
            cluster.append(run)
            continue
        yield cluster
        yield [run]
        cluster = []
    yield cluster
