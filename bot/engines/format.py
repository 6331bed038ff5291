"""What a checkpoint's small files say of a model: how prompts are laid out, and how it samples."""

from __future__ import annotations

from dataclasses import replace

from bot import checkpoint as checkpoints
from bot.checkpoint import Checkpoint
from bot.engines.engine import Engine
from bot.ports import Generator
from bot.prompt.builder import PromptBuilder
from bot.prompt.load import load_builder, load_tokenizer
from bot.settings import SamplingSettings


def within(checkpoint: Checkpoint, context: int | None) -> Checkpoint:
    """The checkpoint with no more context than that."""
    if context is None or context >= checkpoint.context:
        return checkpoint
    return replace(checkpoint, context=context)


def make_builder(checkpoint: Checkpoint, sampling: SamplingSettings) -> PromptBuilder:
    """A prompt builder with room for the longest answer."""
    chosen = sampling.over(checkpoints.recommended(checkpoint))
    tokenizer = load_tokenizer(checkpoint)
    return load_builder(checkpoint, tokenizer, reserve=chosen.max_new_tokens)


def make_engine(
    title: str,
    checkpoint: Checkpoint,
    sampling: SamplingSettings,
    generator: Generator,
    *,
    precision: str = "",
    adapters: tuple[str, ...] = (),
) -> Engine:
    """An engine over a generator that is there already."""
    chosen = sampling.over(checkpoints.recommended(checkpoint))
    return Engine(
        title=title,
        # On a machine that is short of memory the generator holds less than the model could.
        builder=make_builder(within(checkpoint, generator.context), sampling),
        generator=generator,
        sampling=chosen,
        precision=precision,
        adapters=adapters,
        greedy=sampling.temperature is None and not chosen.temperature,
    )
