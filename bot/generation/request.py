"""One answer to be generated, and the checks that it passes before the model sees it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace

from bot.errors import Refused, TooLong
from bot.generation.sampling.rows import Row
from bot.values import Sampling

MOST_STOPS = 32
LONGEST_STOP = 200
MOST_BIASES = 1024


@dataclass(eq=False, slots=True)
class Request:
    """An answer on its way; the worker's thread alone changes it.

    `tokens` holds the prompt and what was generated; the keys and values of the first `computed`
    of them lie in `slot`. `waiting` is the place in the queue and `wait` the seconds that this may
    take, None where nothing is known; both are 0 once it runs. `row` is the answer as the sampler
    sees it, kept so that it counts no token twice. Its listener has `told` of the tokens that were
    generated; `faults` counts how often the worker died over it. What the worker logs for it is
    logged in its `context`, which holds the ids of the reply.
    """

    prompt: tuple[int, ...]
    sampling: Sampling
    place: str
    stop_ids: frozenset[int]
    seed: int
    adapter: str = ""
    wait: float | None = None
    waiting: int = 0
    reused: int = 0
    computed: int = 0
    slot: int | None = None
    told: int = 0
    faults: int = 0
    tokens: list[int] = field(init=False)
    row: Row = field(init=False)
    context: Context = field(default_factory=copy_context, init=False, repr=False)

    def __post_init__(self) -> None:
        self.tokens = list(self.prompt)
        self.row = self._row()

    @property
    def generated(self) -> int:
        """How many tokens have been generated."""
        return len(self.tokens) - len(self.prompt)

    @property
    def pending(self) -> int:
        """How many tokens the model has yet to see before it can give the next one."""
        return len(self.tokens) - self.computed

    def reroll(self) -> None:
        """Take back numbers that were drawn for tokens which never came."""
        self.row = self._row()

    def rewind(self) -> None:
        """As it was when its listener last heard of it, with nothing computed."""
        del self.tokens[len(self.prompt) + self.told :]
        self.computed, self.slot = 0, None
        self.reroll()

    def _row(self) -> Row:
        dice = random.Random(self.seed)
        row = Row(self.sampling, self.tokens, dice)
        for _ in range(self.generated if row.draws else 0):
            dice.random()
        return row


def check_request(
    ids: Sequence[int],
    sampling: Sampling,
    *,
    vocab_size: int,
    context: int,
    control_ids: frozenset[int] = frozenset(),
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
    for token, bias in sampling.logit_bias:
        if not 0 <= token < vocab_size:
            raise Refused(f"logit_bias names the token {token}, which the model does not have")
        if bias > 0 and token in control_ids:
            raise Refused(f"logit_bias favours the control token {token}")
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
    check_stops(sampling.stop)
    _check_bias(sampling.logit_bias)


def check_stops(stops: Sequence[str]) -> None:
    """Raise Refused unless these can be looked for in every answer at no great cost."""
    if not isinstance(stops, tuple | list) or not all(isinstance(stop, str) for stop in stops):
        raise Refused(f"stop must be a list of texts, not {stops!r}")
    if len(stops) > MOST_STOPS:
        raise Refused(f"stop may hold {MOST_STOPS} texts, not {len(stops)}")
    if not all(0 < len(stop) <= LONGEST_STOP for stop in stops):
        raise Refused(f"each text of stop must have 1 to {LONGEST_STOP} characters")


def _check_bias(pairs: Sequence[tuple[int, float]]) -> None:
    if not isinstance(pairs, tuple | list) or len(pairs) > MOST_BIASES:
        raise Refused(f"logit_bias must be at most {MOST_BIASES} pairs of a token and a number")
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise Refused(f"logit_bias must hold pairs of a token and a number, not {pair!r}")
        _check("logit_bias", pair[0], 0, math.inf, whole=True)
        _check("logit_bias", pair[1], -100.0, 100.0)
    if len({token for token, _ in pairs}) < len(pairs):
        raise Refused("logit_bias names a token twice")


def _check(name: str, value: object, least: float, most: float, *, whole: bool = False) -> None:
    kinds = (int,) if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not math.isfinite(value):
        raise Refused(f"{name} must be a {'whole' if whole else 'finite'} number, not {value!r}")
    if not least <= value <= most:
        raise Refused(f"{name} must be between {least} and {most}, not {value}")
