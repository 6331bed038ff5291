"""Random loads: people who come, go on, share personas, and give up, in any order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from bot.generation.generator import LocalGenerator
from bot.values import Sampling
from tests.generation.speaking import EOS, place, prompt, some_ids, spelled

LONGEST = 400


@dataclass(frozen=True)
class Talk:
    """One request. It begins once talk `behind` has said `after` tokens, or has ended.

    With `continues` it begins after the end of that talk, with all that was said in it. It is
    given up after `leaves` tokens.
    """

    ids: tuple[int, ...]
    count: int
    where: str
    adapter: str
    behind: int
    after: int
    continues: bool
    leaves: int | None


@dataclass(frozen=True)
class Said:
    """What came of a talk: `whole` unless it was given up."""

    ids: tuple[int, ...]
    count: int
    adapter: str
    answer: tuple[int, ...]
    whole: bool


def random_load(seed: int, *, adapters: Sequence[str] = ("",), talks: int = 6) -> list[Talk]:
    """The same seed gives the same load; each talk has one of the adapters."""
    dice = random.Random(seed)
    personas = [some_ids(dice, dice.randint(1, 60)) for _ in range(2)]
    return [_random_talk(dice, number, personas, adapters) for number in range(talks)]


def _random_talk(
    dice: random.Random, number: int, personas: list[list[int]], adapters: Sequence[str]
) -> Talk:
    return Talk(
        ids=(*dice.choice(personas), *some_ids(dice, dice.randint(1, 120))),
        count=dice.randint(60, 100) if dice.random() < 0.2 else dice.randint(1, 24),
        where=f"place{dice.randrange(4)}",
        adapter=dice.choice(adapters),
        behind=dice.randrange(-1, number),
        after=dice.randint(0, 8),
        continues=dice.random() < 0.3,
        leaves=dice.randint(1, 12) if dice.random() < 0.15 else None,
    )


async def hold(generator: LocalGenerator, load: Sequence[Talk]) -> list[Said]:
    """Let all the talks of a load happen; what was said, in the load's order."""
    heard: list[list[int]] = [[] for _ in load]
    said: dict[int, Said] = {}
    changed = asyncio.Condition()

    def may_begin(talk: Talk) -> bool:
        begun = not talk.continues and len(heard[talk.behind]) >= talk.after
        return talk.behind < 0 or talk.behind in said or begun

    async def one(number: int, talk: Talk) -> None:
        async with changed:
            await changed.wait_for(lambda: may_begin(talk))
        ids = talk.ids
        if talk.continues and talk.behind >= 0:
            before = said[talk.behind]
            ids = (*before.ids, *before.answer, EOS, *talk.ids)
        said[number] = await _speak(number, talk, ids[-LONGEST:])
        await _tell(changed)

    async def _speak(number: int, talk: Talk, ids: tuple[int, ...]) -> Said:
        sampling = Sampling(max_new_tokens=talk.count, temperature=0.0)
        answer = generator.generate(prompt(ids), sampling, place(talk.where), adapter=talk.adapter)
        async for text in answer:
            heard[number] += spelled(text)
            await _tell(changed)
            if talk.leaves is not None and len(heard[number]) >= talk.leaves:
                await answer.aclose()
                return Said(ids, talk.count, talk.adapter, tuple(heard[number]), whole=False)
        return Said(ids, talk.count, talk.adapter, tuple(heard[number]), whole=True)

    async with asyncio.TaskGroup() as tasks:
        for number, talk in enumerate(load):
            tasks.create_task(one(number, talk))
    return [said[number] for number in range(len(load))]


async def _tell(changed: asyncio.Condition) -> None:
    async with changed:
        changed.notify_all()
