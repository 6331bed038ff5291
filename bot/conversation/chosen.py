"""What one answer is made with: the choices of its Place on top of its model's own."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import structlog

from bot.control.records import Origin
from bot.conversation.earlier import Earlier
from bot.engines import Engine
from bot.values import Choice, Sampling

log = structlog.get_logger(__name__)

SEEDS = 2**53

LIVELIER = 0.7
"""The temperature of another answer to the same message, where it would be 0."""


def sampling_of(choice: Choice, engine: Engine, past: Earlier) -> Sampling:
    """What the model uses, with the Place's own settings laid over it.

    Who wants another answer gets another one of a model that nobody told to be greedy. A fixed
    seed moves on with every answer to the same message, which would else be the same.
    """
    own: dict[str, Any] = dict(choice.sampling)
    sampling = replace(engine.sampling, **own)
    if engine.greedy and past.count and not past.begun and "temperature" not in own:
        sampling = replace(sampling, temperature=LIVELIER)
    if sampling.seed is None or not past.count:
        return sampling
    return replace(sampling, seed=(sampling.seed + past.count) % SEEDS)


def adapter_of(choice: Choice, engine: Engine) -> str:
    """The adapter that was chosen, unless the model has it no more."""
    if choice.adapter and choice.adapter not in engine.adapters:
        log.warning("no such adapter any more", adapter=choice.adapter, model=engine.title)
        return ""
    return choice.adapter


def origin_of(engine: Engine, adapter: str, sampling: Sampling, *, seconds: float) -> Origin:
    """What the journal keeps of how an answer was made."""
    return Origin(
        model=engine.title,
        precision=engine.precision,
        adapter=adapter,
        sampling=tuple(asdict(sampling).items()),
        seconds=round(seconds, 3),
    )
