"""A small random Llama with grouped queries, saved and loaded as any checkpoint is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.generation.generator import LocalGenerator
from bot.generation.weights.loading import LoadedModel, load
from tests.generation.speaking import Characters, Reference, save_llama


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged; it is not rendered, which for tracebacks takes long."""
    with structlog.testing.capture_logs() as logs:
        yield logs


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def loaded(checkpoint: Path) -> LoadedModel:
    return load(checkpoint, device="cpu")


@pytest.fixture(scope="session")
def reference(checkpoint: Path) -> Reference:
    return Reference(checkpoint)


@pytest.fixture(params=[False, True], ids=["contiguous", "paged"])
def paged(request: pytest.FixtureRequest) -> bool:
    """Each kind of memory in turn."""
    return bool(request.param)


@pytest.fixture
async def generator(loaded: LoadedModel, paged: bool) -> AsyncIterator[LocalGenerator]:
    generator = LocalGenerator(
        loaded, Characters(), max_batch=4, queue=64, prefill_budget=32, paged=paged
    )
    yield generator
    await generator.close()
