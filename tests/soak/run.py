"""One soak from start to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession

from tests.checkpoints import make_checkpoint
from tests.soak.samples import Sample, Sampler
from tests.soak.town import Talk, town


@dataclass(frozen=True)
class Outcome:
    """What was sampled, what people got, and what the program complained of."""

    samples: Sequence[Sample]
    talk: Talk
    complaints: Sequence[str]
    code: int


async def soak(
    folder: Path,
    *,
    channels: int,
    seconds: float,
    pause: float,
    every: float,
    tell: Callable[[Sample], None] = lambda _: None,
) -> Outcome:
    """Let every channel talk for so long; each pauses about `pause` seconds between questions."""
    model = await asyncio.to_thread(make_checkpoint, folder / "model", context=512)
    async with town(folder, model) as made, ClientSession() as session:
        made.settle(channels, pause=pause)
        sampler, samples = Sampler(made), list[Sample]()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(every)
            samples.append(await sampler.sample(session))
            made.forget()
            tell(samples[-1])
        await made.quiet()
        code = await made.program.stop()
        said = made.program.said
        complaints = [
            line.strip() for line in said if '"level": "error"' in line or "Trace" in line
        ]
        return Outcome(samples, made.talk, complaints, code)
