"""One answer to be generated, and the checks that it passes before the model sees it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.errors import Refused, TooLong
from bot.values import Sampling


@dataclass(eq=False, slots=True)
class Request:
    """An answer on its way; the worker's thread alone changes it.

    `tokens` holds the prompt and what was generated; the keys and values of the first `computed`
    of them lie in `slot`. `waiting` is the place in the queue, 0 once it runs.
    """

    prompt: tuple[int, ...]
    sampling: Sampling
    place: str
    stop_ids: frozenset[int]
    seed: int
    waiting: int = 0
    reused: int = 0
    computed: int = 0
    slot: int | None = None
    tokens: list[int] = field(init=False)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = list(self.prompt)
        self.dice = random.Random(self.seed)

    @property
    def generated(self) -> int:
        """How many tokens have been generated."""
        return len(self.tokens) - len(self.prompt)

    @property
    def pending(self) -> int:
        """How many tokens the model has yet to see before it can give the next one."""
        return len(self.tokens) - self.computed


def check_request(
    ids: Sequence[int], sampling: Sampling, *, vocab_size: int, context: int
) -> Sampling:
    """Refuse what would harm the batch; return the settings with the length cut to the context."""
    if not ids:
        raise Refused("a prompt needs at least one token")
    if not all(isinstance(token, int) for token in ids):
        raise Refused("a prompt's ids are whole numbers")
    if min(ids) < 0 or max(ids) >= vocab_size:
        raise Refused(f"the prompt has ids outside the model's vocabulary of {vocab_size}")
    if len(ids) >= context:
        raise TooLong(f"a prompt of {len(ids)} tokens leaves no room in a context of {context}")
    check_sampling(sampling)
    return replace(sampling, max_new_tokens=min(sampling.max_new_tokens, context - len(ids)))


def check_sampling(sampling: Sampling) -> None:
    """Raise Refused, naming the setting, unless every one is a number in its range."""
    _check("max_new_tokens", sampling.max_new_tokens, 1, math.inf, whole=True)
    _check("temperature", sampling.temperature, -math.inf, 100.0)
    _check("top_p", sampling.top_p, 0.0, 1.0)
    _check("top_k", sampling.top_k, 0, math.inf, whole=True)
    _check("min_p", sampling.min_p, 0.0, 1.0)
    _check("repetition_penalty", sampling.repetition_penalty, 0.01, 100.0)
    if sampling.seed is not None:
        _check("seed", sampling.seed, -math.inf, math.inf, whole=True)


def _check(name: str, value: object, least: float, most: float, *, whole: bool = False) -> None:
    kinds = (int,) if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not math.isfinite(value):
        raise Refused(f"{name} must be a {'whole' if whole else 'finite'} number, not {value!r}")
    if not least <= value <= most:
        raise Refused(f"{name} must be between {least} and {most}, not {value}")
