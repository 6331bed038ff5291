"""A model that fails at chosen steps, and prompts that do not make it fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bot.generation.weights.loading import LoadedModel
from tests.generation.speaking import some_ids

POISON = 77


@contextmanager
def failing(
    loaded: LoadedModel, error: BaseException, when: Callable[[list[int]], bool]
) -> Iterator[list[int]]:
    """The model's forward raises when its input ids are so; yields the times it has."""
    times: list[int] = []

    def hook(_: Any, __: Any, arguments: dict[str, Any]) -> None:
        ids = arguments["input_ids"][0].tolist()
        if when(ids):
            times.append(len(ids))
            raise error

    handle = loaded.model.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield times
    finally:
        handle.remove()


def once(at: int = 3) -> Callable[[list[int]], bool]:
    """True at one call only: the fourth, unless told otherwise."""
    calls = iter(range(1_000_000))
    return lambda _: next(calls) == at


def harmless(dice: random.Random, count: int) -> list[int]:
    return [token if token != POISON else 78 for token in some_ids(dice, count)]
