"""A loop that stays quick while the model works, and a program that can end at any time."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bot.generation.generator import LocalGenerator
from bot.generation.weights.loading import LoadedModel, load
from bot.values import Sampling
from tests.generation.speaking import Characters, ask, save_llama, some_ids

WARM = Sampling(max_new_tokens=16, temperature=0.9, top_p=0.95)
OFTEN = 3
TALKERS = 16


@pytest.fixture(scope="module")
def heavier(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Enough arithmetic that a step takes the time that steps of real models take."""
    folder = save_llama(
        tmp_path_factory.mktemp("heavier"),
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=8,
        initializer_range=0.05,
    )
    return load(folder, device="cpu")


async def turns_taken(generator: LocalGenerator) -> int:
    """Generate a batch while a callback ticks; how often the loop came to it."""
    ticks, done = 0, False
    loop = asyncio.get_running_loop()

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if not done:
            loop.call_later(0.001, tick)

    tick()
    dice = random.Random(1)
    await asyncio.gather(
        *(ask(generator, some_ids(dice, 200), WARM, f"p{n}") for n in range(TALKERS))
    )
    done = True
    return ticks


async def test_the_event_loop_is_never_blocked_while_a_model_generates(
    heavier: LoadedModel,
) -> None:
    generator = LocalGenerator(heavier, Characters(), max_batch=TALKERS, queue=8)
    turns = await turns_taken(generator)
    # Counted, not timed: a loop that a step blocks has one turn for each, on any machine.
    assert turns > OFTEN * generator.stats().steps
    await generator.close()


LEAVE = """
import asyncio, sys
from pathlib import Path
from bot.generation.generator import LocalGenerator
from bot.generation.weights.loading import load
from tests.generation.speaking import LONG_PROMPT, Characters, place, prompt
from bot.values import Sampling

async def main():
    generator = LocalGenerator(load(Path(sys.argv[1]), device="cpu"), Characters())
    long = Sampling(400, 0.0)
    answers = [generator.generate(prompt(LONG_PROMPT), long, place(str(n))) for n in range(9)]
    await anext(answers[0])
    print("begun")

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_program_can_end_in_the_middle_of_an_answer(checkpoint: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LEAVE, str(checkpoint)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (run.returncode, run.stdout.split()[-1:]) == (0, ["begun"]), run.stderr
