"""One answer as the sampler sees it: its settings, its tokens so far and its dice."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bot.values import Sampling


class Seen:
    """The distinct ids of a growing list of tokens; each look costs what came since the last."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tokens
        self._counted = 0
        self._known: set[int] = set()
        self._ids = array("q")

    def ids(self) -> Tensor:
        """The ids in the order of their first appearance, on the CPU."""
        for token in self._tokens[self._counted :]:
            if token not in self._known:
                self._known.add(token)
                self._ids.append(token)
        self._counted = len(self._tokens)
        return torch.from_numpy(np.array(self._ids, dtype=np.int64))


@dataclass(eq=False, slots=True)
class Row:
    """One answer's settings, its tokens so far (the prompt's too) and its dice.

    Made once for an answer and kept, it remembers which tokens it has counted; `tokens` may only
    grow. Nothing else may take numbers from the dice.
    """

    sampling: Sampling
    tokens: Sequence[int]
    dice: random.Random
    seen: Seen = field(init=False)

    def __post_init__(self) -> None:
        self.seen = Seen(self.tokens)

    @property
    def draws(self) -> bool:
        """Whether chance has a part in this row, or the likeliest token is taken."""
        return self.sampling.temperature > 0

    @property
    def ranks(self) -> bool:
        """Whether tokens must be put in order to see which are kept."""
        return self.draws and (self.sampling.top_k > 0 or self.sampling.top_p < 1)

    @property
    def top_k(self) -> int:
        """As set, but no greater than what fp32 counts exactly; no vocabulary is."""
        return min(self.sampling.top_k, 2**24)

    @property
    def penalises(self) -> bool:
        """Whether tokens that were seen are less (or more) likely."""
        return self.sampling.repetition_penalty != 1.0
