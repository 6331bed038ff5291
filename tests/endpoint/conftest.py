"""Servers that count words, servers that let a small model speak, and generators that ask them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.endpoint.generator import EndpointGenerator
from bot.generation.generator import LocalGenerator
from bot.generation.weights.loading import load
from bot.prompt.tokenizer import SentencePieceTokenizer, Tokenizer
from tests.checkpoints import make_checkpoint
from tests.loopback.endpoint import EndpointServer, ModelWriter, WordWriter

Serve = Callable[..., Awaitable[EndpointServer]]
Connect = Callable[..., EndpointGenerator]

WORDS = ("Good", " morning", ",", " dear", " Ada", ".")


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server of counted words."""
    async with AsyncExitStack() as stack:

        async def start(*words: str, **behaviour: Any) -> EndpointServer:
            server = EndpointServer(WordWriter(*(words or WORDS)), **behaviour)
            return await stack.enter_async_context(server)

        yield start


@pytest.fixture
async def connect(tokenizer: Tokenizer) -> AsyncIterator[Connect]:
    """Makes a generator for some servers, with short patience."""
    made: list[EndpointGenerator] = []

    def make(*servers: EndpointServer, **changes: Any) -> EndpointGenerator:
        settings: dict[str, Any] = {
            "served": "llama",
            "context": 512,
            "timeout": 5.0,
            "tokenizer": tokenizer,
        }
        generator = EndpointGenerator([s.url for s in servers], **(settings | changes))
        made.append(generator)
        return generator

    yield make
    for generator in made:
        await generator.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama with the tests' vocabulary."""
    return make_checkpoint(tmp_path_factory.mktemp("served"), context=512)


@pytest.fixture
async def local(checkpoint: Path, tokenizer: Tokenizer) -> AsyncIterator[LocalGenerator]:
    """The model in this process."""
    generator = LocalGenerator(load(checkpoint, device="cpu"), tokenizer)
    yield generator
    await generator.close()


@pytest.fixture
async def model_server(local: LocalGenerator, checkpoint: Path) -> AsyncIterator[EndpointServer]:
    """A server that lets the same model speak."""
    tokenizer = SentencePieceTokenizer(checkpoint / "tokenizer.model")
    async with EndpointServer(ModelWriter(local, tokenizer), context=512) as server:
        yield server
