"""How answers arrive in Discord: Quipu's delivery beside two naive ways, in one run.

    python -m benchmarks.discord_delivery [--channels 1 20] [--json FILE] [--save]

Every way answers the same mentions with the same text at the same pace, against the loopback
Discord of the tests with Discord's usual limits (5 creates and 5 edits in 5 s for each channel,
50 requests a second for the bot). Quipu runs whole: gateway, journal on disk, delivery.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord

from adapters.discord.messenger import point_at
from benchmarks import report
from benchmarks.paced import PacedAnswer, PacedGenerator
from bot.values import Place, Prompt, Sampling
from tests.checkpoints import make_checkpoint
from tests.loopback.discord import Channel, DiscordServer
from tests.scenes.conftest import town

TOKENS, RATE = 470, 30.0
NAIVE_INTERVAL = 1.0
PATIENCE = 300.0
ABOUT = f"""\
{TOKENS} tokens at {RATE:.0f} a second (about 1,900 characters) in every channel at once, all asked
at the same moment. *First text*: seconds from the question to the first words, at worst. *Final
lag*: seconds from the last token to the final text standing. *Naive, per reply*: edits awaited in
the token loop, at most one a second for each reply. *Naive, per bot*: the same with one timer for
the whole bot, as widely used bots do."""


class NaiveBot(discord.Client):
    """Edits inside the token loop, as most bots are written."""

    def __init__(self, generator: PacedGenerator, *, shared_timer: bool) -> None:
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True))
        self._generator = generator
        self._shared = shared_timer
        self._last = 0.0

    async def on_message(self, message: discord.Message) -> None:
        if message.author.bot:
            return
        place = Place("discord", "1", str(message.channel.id))
        answer = self._generator.generate(Prompt((1,), "", None, 1, 0), Sampling(), place)
        reply: discord.Message | None = None
        text, last = "", 0.0
        async for delta in answer:
            text += delta
            last = self._last if self._shared else last
            if reply is None:
                reply = await message.reply(text)
            elif time.monotonic() - last >= NAIVE_INTERVAL:
                last = self._last = time.monotonic()
                await reply.edit(content=text)
        if reply is not None:
            await reply.edit(content=text)


@asynccontextmanager
async def naive(server: DiscordServer, *, shared_timer: bool) -> AsyncIterator[PacedGenerator]:
    generator = PacedGenerator(tokens=TOKENS, rate=RATE)
    point_at(server.api_url, server.gateway_url)
    bot = NaiveBot(generator, shared_timer=shared_timer)
    running = asyncio.create_task(bot.start(server.token))
    await server.gateway.wait_connected()
    try:
        yield generator
    finally:
        await bot.close()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def quipu(server: DiscordServer) -> AsyncIterator[PacedGenerator]:
    generator = PacedGenerator(tokens=TOKENS, rate=RATE)
    with tempfile.TemporaryDirectory() as folder:
        model = make_checkpoint(Path(folder) / "model")
        async with town(server, model, Path(folder), generator):
            yield generator


async def measure(
    way: str, bot: Callable[[DiscordServer], Any], channels: int
) -> dict[str, str | int | float]:
    """Ask in every channel at once and read the timeline of every answer."""
    async with DiscordServer() as server, bot(server) as generator:
        guild = server.guild()
        asker = guild.member("Ann")
        places = [guild.channel(f"c{i}") for i in range(channels)]
        await asyncio.sleep(0)
        asked = time.monotonic()
        await asyncio.gather(*(asker.mentions(place, "go") for place in places))
        ends = [_final(place, generator) for place in places]
        finals = await asyncio.gather(*ends)
        firsts = [place.from_bot[0].timeline[0].at - asked for place in places]
        edits = [sum(m.edits for m in place.from_bot) for place in places]
        return {
            "way": way,
            "channels": channels,
            "edits per reply": round(statistics.mean(edits), 1),
            "first text s": round(max(firsts), 2),
            "final lag s, median": round(statistics.median(finals), 2),
            "final lag s, worst": round(max(finals), 2),
            "429s": server.limits.total_refused,
        }


async def _final(place: Channel, generator: PacedGenerator) -> float:
    """Seconds from the last token to the final text standing."""

    def standing(_: list[Any]) -> bool:
        answer: PacedAnswer | None = generator.answers.get(str(place.id))
        if answer is None or answer.finish is None or not place.from_bot:
            return False
        whole = "".join(answer._deltas).strip()
        return "".join(m.content for m in place.from_bot).strip() == whole

    await place.wait_for(standing, PATIENCE)
    answer = generator.answers[str(place.id)]
    return place.from_bot[-1].timeline[-1].at - answer.ended_at


async def run(counts: list[int]) -> list[dict[str, str | int | float]]:
    ways: list[tuple[str, Callable[[DiscordServer], Any]]] = [
        ("Quipu", quipu),
        ("naive, per reply", lambda server: naive(server, shared_timer=False)),
        ("naive, per bot", lambda server: naive(server, shared_timer=True)),
    ]
    return [await measure(way, bot, count) for count in counts for way, bot in ways]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, nargs="+", default=[1, 20, 60])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--save", action="store_true", help="into benchmarks/results")
    options = parser.parse_args()
    report.quiet()
    rows = asyncio.run(run(options.channels))
    report.show("Answers arriving in Discord", rows)
    about = report.circumstances("discord.py", "aiohttp", "sqlalchemy")
    if options.json:
        options.json.write_text(json.dumps({"circumstances": about, "rows": rows}, indent=1))
    if options.save:
        report.save("discord-delivery", "Answers arriving in Discord", ABOUT, rows, about)


if __name__ == "__main__":
    main()
