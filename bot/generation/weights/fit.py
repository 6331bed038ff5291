"""Whether a model fits into the memory of a device, said before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bot.generation.memory.sizing import LEAST_CONTEXT, SHARE
from bot.generation.weights.amounts import in_bytes
from bot.generation.weights.anatomy import Anatomy, examine
from bot.generation.weights.placement import Plan, choose_dtype, make_plan

STEP = 256
"""Tokens to which a recommended context is rounded down."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model needs as planned, what is free, and how many tokens of conversation remain.

    `working` is what one forward needs, `per_token` are keys and values; conversations may have
    `share` of what is left beside the weights. `remedies` are sentences about what would fit; there
    are none if a whole conversation of `context` tokens does.
    """

    plan: Plan
    weights: int
    working: int
    per_token: int
    free: int
    context: int
    share: float
    remedies: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens that all conversations may have together; negative if not even weights fit."""
        left = self.free - self.weights
        return int(min(left * self.share, left - self.working)) // max(1, self.per_token)

    @property
    def fits(self) -> bool:
        """Whether the model can answer at all."""
        return self.tokens >= min(LEAST_CONTEXT, self.context)

    @property
    def never(self) -> bool:
        """Whether not even all memory there is would hold the weights."""
        return self.weights > self.plan.total_memory()

    @property
    def whole(self) -> bool:
        """Whether a conversation can be as long as the model's context."""
        return self.tokens >= self.context

    def __str__(self) -> str:
        size = f"{in_bytes(self.weights)} of weights in {self.plan.precision}"
        have = f"{in_bytes(self.free)} are free on {self.plan.place}"
        if not self.fits:
            return f"does not fit: {size} and {in_bytes(self.working)} to compute with, {have}"
        room = f"room for {self.tokens:,} tokens of conversation"
        each = f"{in_bytes(self.per_token)} each"
        short = "" if self.whole else f", less than its context of {self.context:,}"
        return f"fits: {size}, {have}, {room} ({each}){short}"


def fit(
    path: Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    quantisation: str = "none",
    context: int | None = None,
    free: int | None = None,
    share: float | None = None,
) -> Fit:
    """How a checkpoint folder fits, from its configuration and the headers of its files.

    `context` bounds the model's own and `share` that of conversations, `free` is what to reckon
    with in the place of what the device has now. The settings are those of `load`. Raises
    ModelLoadError.
    """
    anatomy = examine(path)
    plan = make_plan(anatomy.parameters, device=device, dtype=dtype, quantisation=quantisation)
    wanted = min(anatomy.context, context or anatomy.context)
    room = plan.available_memory() if free is None else free
    return judge(anatomy, plan, room, wanted, share)


def judge(anatomy: Anatomy, plan: Plan, free: int, context: int, share: float | None = None) -> Fit:
    """Compare what a model needs with what is free."""
    most = SHARE.get(plan.device.type, SHARE["cpu"])
    found = _measure(anatomy, plan, free, context, min(share or most, most))
    return found if found.whole else replace(found, remedies=tuple(_remedies(anatomy, found)))


def _measure(anatomy: Anatomy, plan: Plan, free: int, context: int, share: float) -> Fit:
    return Fit(
        plan=plan,
        weights=anatomy.weight_bytes(plan),
        working=anatomy.working_bytes(plan),
        per_token=anatomy.memory.bytes_per_token(plan.dtype),
        free=free,
        context=context,
        share=share,
    )


def _remedies(anatomy: Anatomy, found: Fit) -> Iterator[str]:
    for setting, plan in _smaller(found.plan):
        other = _measure(anatomy, plan, found.free, found.context, found.share)
        if other.whole:
            size = in_bytes(other.weights)
            yield f"set model.{setting}: {size} of weights, room for {other.tokens:,} tokens"
            break
    if found.fits and (rounded := found.tokens // STEP * STEP):
        yield f"set model.context to {rounded} or less"
    spread = _spread(found.plan)
    if spread and _hold(anatomy, spread, found):
        yield f'set model.device to "balanced": {spread.place} hold it together'
    if not found.fits:
        yield from _smaller_model(anatomy, found)


def _smaller(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """The next smaller precisions, the largest first."""
    if plan.quantisation == "none" and plan.dtype is torch.float32:
        yield 'dtype to "bfloat16"', replace(plan, dtype=torch.bfloat16)
    if plan.device.type not in {"cuda", "cpu"} or plan.quantisation == "nf4":
        return
    dtype = choose_dtype("auto", plan.device, 0, "nf4") if plan.dtype.itemsize > 2 else plan.dtype
    if plan.quantisation == "none":
        yield 'quantisation to "int8"', replace(plan, dtype=dtype, quantisation="int8")
    yield 'quantisation to "nf4"', replace(plan, dtype=dtype, quantisation="nf4")


def _spread(plan: Plan) -> Plan | None:
    count = torch.cuda.device_count() if plan.device.type == "cuda" else 0
    if count <= len(plan.devices):
        return None
    return replace(plan, devices=tuple(torch.device("cuda", at) for at in range(count)))


def _hold(anatomy: Anatomy, spread: Plan, found: Fit) -> bool:
    free = spread.available_memory()
    return _measure(anatomy, spread, free, found.context, found.share).whole


def _smaller_model(anatomy: Anatomy, found: Fit) -> Iterator[str]:
    """The size of model that the free memory holds at the smallest precision."""
    *_, (_, plan) = [("", found.plan), *_smaller(found.plan)]
    smallest = _measure(anatomy, plan, found.free, found.context, found.share)
    taken = smallest.weights + smallest.working + found.context * smallest.per_token
    billions = anatomy.parameters / 1e9 * 0.9 * found.free / taken
    if billions >= 0.1:
        yield f"or choose a model of at most {billions:.1f} billion parameters, in {plan.precision}"
    else:
        yield "choose a much smaller model, or stop other programs"
