"""The bundled model, cut anywhere and continued, says what it would have said in one piece."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot import checkpoint as checkpoints
from bot.demo import CHECKPOINT
from bot.engines.format import make_builder
from bot.generation.generator import LocalGenerator
from bot.generation.weights.loading import load
from bot.prompt.builder import PromptBuilder
from bot.prompt.load import load_tokenizer
from bot.settings import SamplingSettings
from bot.values import Finish, FinishReason, Persona, Place, Role, Sampling, Turn

HERE = Place("discord", "1", "2")
PERSONA = Persona("You are Quipu, a friendly assistant in this chat. Answer briefly and honestly.")
TURNS = [Turn(1, Role.USER, "What is Quipu?")]


@pytest.fixture
async def model() -> AsyncIterator[tuple[PromptBuilder, LocalGenerator]]:
    checkpoint = checkpoints.read(CHECKPOINT, "demo")
    generator = LocalGenerator(load(CHECKPOINT, device="cpu"), load_tokenizer(checkpoint))
    yield make_builder(checkpoint, SamplingSettings()), generator
    await generator.close()


async def test_continuing_a_cut_answer_gives_the_whole_one(
    model: tuple[PromptBuilder, LocalGenerator],
) -> None:
    builder, generator = model

    async def written(begun: str, most: int) -> tuple[str, Finish]:
        prompt = builder.build(PERSONA, TURNS, names=False, begun=begun)
        sampling = Sampling(temperature=0.0, max_new_tokens=most)
        answer = generator.generate(prompt, sampling, HERE)
        text = prompt.begun + "".join([delta async for delta in answer])
        assert answer.finish is not None
        return text.strip(), answer.finish

    whole, finish = await written("", 200)
    assert finish.reason is FinishReason.STOP
    assert finish.tokens > 10
    for most in range(1, finish.tokens, 3):
        cut, cut_off = await written("", most)
        assert cut_off.reason is FinishReason.LENGTH
        assert whole.startswith(cut)
        text, rest = await written(cut, 200)
        assert text == whole, f"cut after {cut!r}"
        assert rest.reused > 0
