"""One drill from the first word to the account."""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.checkpoints import make_checkpoint
from tests.drill.account import Account, settle
from tests.drill.crowd import Crowd
from tests.drill.discord_town import discord_spots
from tests.drill.journal import PLATFORMS, Journal, heard, unended
from tests.drill.killer import Kill, Killer
from tests.drill.lives import Life, Lives
from tests.drill.moments import at_birth
from tests.drill.said import Spot
from tests.drill.slack_town import open_threads, slack_spots
from tests.drill.story import Historian
from tests.loopback.discord import DiscordServer
from tests.loopback.slack import SlackServer

CONFIG = """
[model]
name = "{model}"
device = "cpu"
dtype = "float32"

[sampling]
temperature = 1.0
max_new_tokens = 1000

[discord]
api_url = "{discord_api}"
gateway_url = "{discord_gateway}"

[slack]
api_url = "{slack_api}"
history_per_minute = 200

[conversation]
journal_interval = "0.2 s"
catch_up_messages = 1000

[log]
level = "info"
format = "json"

[data]
folder = "{data}"
"""
CONTEXT = 2048
ROUND = 25
"""Kills without a rest. A program that never lives for long never comes to the end of what it
missed, and declines what is too much; that is tested elsewhere."""
BIRTHS = 3
"""Kills while the database is made, before anybody has said a word."""
RETRIES = (0.0, 1.0, 4.0)
"""Slack tries again at once, after a minute and after five; here people die faster."""
TIERS = 20
"""How many times Slack's limits are lifted: each life counts its own calls from nothing. A life
looks for what it missed four times as often as Slack allows; else a rest took ten minutes."""
NONCE_MEMORY = 3.0
"""Discord minds a nonce for some minutes; here people die faster."""
PEACE = 900.0
"""Seconds in which everything must have come to its end once nobody kills any more; Slack lets the
program look into 25 threads a minute."""
CONNECTED = re.compile("discord.ready|slack.connected")
LOOKING, CAUGHT_UP = '"event": "looking for missed messages"', '"event": "caught up"'
CONNECTIONS = 3
"""One session of Discord's, two sockets of Slack's."""
LOOK_EVERY = 0.2
QUIET_FOR = 1.0

Tell = Callable[[str], None]


@dataclass
class Result:
    """What a drill has shown."""

    seed: int
    kills: list[Kill]
    said: int
    account: Account
    seconds: float
    by_moment: dict[str, int]
    violations: list[str]
    exit_code: int | None
    stories: list[str] = field(default_factory=list)


async def drill(
    kills: int, seed: int, folder: Path, tell: Tell, so_far: Callable[[Result], None] | None = None
) -> Result:
    """Let people talk, kill the program so many times, and settle the account.

    `so_far` is told the account at every rest, the last among them.
    """
    began = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"
    random.seed(seed)  # the loopback Slack's own dice
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordServer())
        slack = await stack.enter_async_context(SlackServer())
        workspace, there = slack_spots(slack)
        spots: list[Spot] = [*discord_spots(discord), *there]
        _ease(slack)
        discord.world.nonce_memory = NONCE_MEMORY
        await open_threads(there)
        secrets = {
            "DISCORD_TOKEN": discord.token,
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": slack.app.app_token,
        }
        lives = Lives(_config(folder, discord, slack), folder / "lives", secrets)
        crowd = Crowd(spots, seed, lambda: unended(folder / "data" / "quipu.db") or set())
        faults = {"discord": discord.faults, "slack": slack.faults}
        killer = Killer(lives, faults, random.Random(seed))

        def progress(count: int) -> None:
            _progress(tell, count, kills, crowd)

        def account(code: int | None) -> Result:
            journal = Journal(folder / "data" / "quipu.db")
            settled = settle(crowd.said, spots, journal)
            historian = Historian(lives.all, killer.kills, journal, crowd.said, (discord, slack))
            faulty = (discord.violations, slack.violations, discord.misstatements)
            return Result(
                seed,
                killer.kills,
                len(crowd.said),
                settled,
                time.monotonic() - began,
                dict(killer.by_moment),
                [line for lines in (*faulty, slack.misstatements) for line in lines],
                code,
                [historian.story(trouble) for trouble in settled.troubles],
            )

        await killer.run(min(kills, BIRTHS), progress, at_birth)
        await _acquainted(lives, crowd, folder)
        code: int | None = 0
        while len(killer.kills) < kills and code == 0:
            crowd.begin()
            await killer.run(min(kills, len(killer.kills) + ROUND), progress)
            code = await _rest(lives, crowd, slack, spots, folder)
            if so_far is not None:
                so_far(account(code))
        return account(code)


def _ease(slack: SlackServer) -> None:
    slack.dispatch.pauses = RETRIES
    slack.limits.tiers = {tier: calls * TIERS for tier, calls in slack.limits.tiers.items()}


def _config(folder: Path, discord: DiscordServer, slack: SlackServer) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    model = make_checkpoint(folder / "model", context=CONTEXT)
    file = folder / "config.toml"
    text = CONFIG.format(
        model=model,
        discord_api=discord.api_url,
        discord_gateway=discord.gateway_url,
        slack_api=slack.api_url,
        data=folder / "data",
    )
    file.write_text(text, encoding="utf-8")
    return file


async def _acquainted(lives: Lives, crowd: Crowd, folder: Path) -> None:
    """A first life in peace, in which everybody is answered once.

    A direct message that is somebody's first, and comes while the program is away, no program
    could find; and a platform that it was never on, it has not missed.
    """
    life, file = lives.begin(), folder / "data" / "quipu.db"
    async with asyncio.timeout(PEACE):
        while len(CONNECTED.findall(_log(life))) < CONNECTIONS:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(LOOK_EVERY)
        await crowd.greet()
        while unended(file) or heard(file) < len(crowd.said):  # noqa: ASYNC110 - likewise
            await asyncio.sleep(LOOK_EVERY)
    await life.kill()


def _log(life: Life) -> str:
    return life.log.read_text(encoding="utf-8", errors="replace") if life.log.exists() else ""


async def _rest(
    lives: Lives, crowd: Crowd, slack: SlackServer, spots: Sequence[Spot], folder: Path
) -> int | None:
    """Nobody talks, and a life in peace answers what there is; its exit code."""
    life = lives.begin()
    await crowd.hush()
    await _settled(life, slack, spots, folder)
    await life.stop()
    return life.code


async def _settled(life: Life, slack: SlackServer, spots: Sequence[Spot], folder: Path) -> None:
    """Until nothing is unfinished any more, for a while; what never ends is the account's."""
    until, calm = time.monotonic() + PEACE, 0.0
    await slack.dispatch.settled(PEACE)
    while time.monotonic() < until and not await life.wait(0):
        open_ends = any(one.unfinished for spot in spots for one in spot.bot_said())
        busy = open_ends or unended(folder / "data" / "quipu.db") != set()
        log = _log(life)
        # A search that went on with an earlier one is followed by another.
        busy = busy or not log.count(LOOKING) == log.count(CAUGHT_UP) >= PLATFORMS
        calm = 0.0 if busy else calm or time.monotonic()
        if calm and time.monotonic() - calm > QUIET_FOR:
            return
        await asyncio.sleep(LOOK_EVERY)


def _progress(tell: Tell, count: int, kills: int, crowd: Crowd) -> None:
    if count % 10 == 0 or count == kills:
        tell(f"{count} of {kills} kills, {len(crowd.said)} messages")
