"""An endless stream of training batches: dialogues of like length, padded on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import torch
from sentencepiece import SentencePieceProcessor
from torch import Tensor

from bot.demo.training.dialogues import Playwright
from bot.demo.training.encoding import EOS, Encoded, encode, shortened

POOL = 1536
OPENING = 10
IGNORED = -100


class Rows:
    """Encoded dialogues, drawn one after the other."""

    def __init__(self, pieces: SentencePieceProcessor, seed: int, limit: int) -> None:
        self._pieces, self._rng, self._limit = pieces, Random(seed), limit
        self._playwright = Playwright()

    def lesson(self) -> Encoded:
        """A short dialogue; of a single long answer only the beginning."""
        dialogue = self._playwright.lesson(self._rng)
        encoded = encode(dialogue, self._pieces, self._limit)
        return shortened(encoded, OPENING) if len(dialogue.exchanges) == 1 else encoded

    def dialogue(self) -> Encoded:
        """A whole dialogue."""
        return encode(self._playwright.write(self._rng), self._pieces, self._limit)


def batches(
    draw: Callable[[], Encoded], rng: Random, *, tokens: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Ids and targets of about `tokens` tokens each, for ever."""
    while True:
        pool = [draw() for _ in range(POOL)]
        groups = _groups(sorted(pool, key=lambda row: len(row.ids)), tokens)
        rng.shuffle(groups)
        for group in groups:
            yield _padded(group)


def _groups(rows: list[Encoded], tokens: int) -> list[list[Encoded]]:
    groups: list[list[Encoded]] = [[]]
    for row in rows:
        if (len(groups[-1]) + 1) * len(row.ids) > tokens:
            groups.append([])
        groups[-1].append(row)
    return groups


def _padded(rows: list[Encoded]) -> tuple[Tensor, Tensor]:
    """Targets are the next ids where they are learned; padding comes last and is never seen."""
    width = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), width), EOS)
    targets = torch.full((len(rows), width), IGNORED)
    for place, row in enumerate(rows):
        length = len(row.ids)
        ids[place, :length] = torch.tensor(row.ids)
        learned = torch.tensor(row.learned[1:], dtype=torch.bool)
        targets[place, : length - 1][learned] = torch.tensor(row.ids[1:])[learned]
    return ids, targets
