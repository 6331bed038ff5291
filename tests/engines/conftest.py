"""Engines over models of a machine with little memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bot.engines import Engines
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from tests.engines.machine import Machine, Model

Make = Callable[..., Model]
Start = Callable[..., Engines]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def model(machine: Machine, tokenizer: Tokenizer) -> Make:
    builder = PromptBuilder(Llama2Format(tokenizer), context=512, reserve=64)

    def make(title: str, **more: Any) -> Model:
        return Model(title, machine, builder, **more)

    return make


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as closing:

        def make(*models: Model, **more: Any) -> Engines:
            engines = Engines(models, **more)
            closing.push_async_callback(engines.close)
            return engines

        yield make
