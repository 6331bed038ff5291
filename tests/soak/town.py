"""Two platforms full of channels, the real program between them, and people who go on talking."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.loopback.discord import Channel, DiscordServer, Person
from tests.loopback.slack import Channel as SlackChannel
from tests.loopback.slack import Message as SlackMessage
from tests.loopback.slack import Person as SlackPerson
from tests.loopback.slack import SlackServer, Workspace
from tests.scenes.program import ANY_PORT, Program

MARK = "▌"
KEPT = 12
"""Messages that a channel of the loopback platforms keeps; they are not what is measured."""
KERNELS = {"LRU_CACHE_CAPACITY": "64", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}
"""torch keeps up to 1,024 compiled kernels of each cache, one for every length of a step that came
up, some 100 kB each; a soak of minutes would see nothing but these caches fill."""
LOOK_EVERY = 1.0
PATIENCE = 240.0
"""Seconds after which a question counts as unanswered."""
FOLLOW_UPS = 3
"""Every so many questions in Slack begin a thread; the others go on in it."""
WORDS = ("knot", "cord", "colour", "number", "name", "lama", "wool", "mountain", "road", "bridge")


@dataclass
class Talk:
    """What was asked so far, and what came of it."""

    asked: int = 0
    answered: int = 0
    given_up: int = 0


@dataclass
class Town:
    """Everything that runs beside the program under test."""

    discord: DiscordServer
    slack: SlackServer
    workspace: Workspace
    program: Program
    port: int = 0
    talk: Talk = field(default_factory=Talk)
    talkers: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def metrics(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    def settle(self, channels: int, *, pause: float) -> None:
        """Half of the channels are Discord's; in each somebody begins to talk."""
        guilds = [self.discord.guild(f"Guild {number}") for number in range(4)]
        workspace = self.workspace
        eve = workspace.member("Eve")
        for number in range(channels // 2):
            guild = guilds[number % len(guilds)]
            person = guild.member(f"Person {number}")
            channel = guild.channel(f"channel-{number}")
            self._begin(_in_discord(person, channel), pause, number)
            self._begin(_in_slack(eve, workspace.channel(f"channel-{number}")), 5 * pause, number)

    async def quiet(self) -> None:
        """Nobody asks any more; what was asked may still be answered."""
        for task in self.talkers:
            task.cancel()
        await asyncio.gather(*self.talkers, return_exceptions=True)

    def forget(self) -> None:
        """The platforms' own notes would grow for ever, in this process."""
        self.discord.requests.clear()
        self.slack.calls.clear()
        self.program.said[:-200] = [line for line in self.program.said[:-200] if "Trace" in line]

    def _begin(self, ask: Ask, pause: float, number: int) -> None:
        dice = random.Random(number)
        self.talkers.append(asyncio.create_task(_talk(ask, self.talk, pause, dice)))


Ask = Callable[[str], Awaitable[Callable[[], bool]]]
"""Asks a question; what it returns says whether that has been answered."""


@asynccontextmanager
async def town(folder: Path, model: Path, *, tokens: int = 24) -> AsyncIterator[Town]:
    """The program connected to both platforms, with its metrics to be read."""
    async with DiscordServer() as discord, SlackServer() as slack:
        more = f'\n[slack]\napi_url = "{slack.api_url}"\n'
        workspace = slack.workspace()
        variables = {
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": "xapp-1-loopback",
            "QUIPU_MODEL__CONTEXT": "192",
            "QUIPU_LOG__FORMAT": "json",
            "QUIPU_CONVERSATION__JOURNAL_INTERVAL": "1 s",
            **KERNELS,
            **ANY_PORT,
        }
        program = Program(discord, folder, model, tokens, more=more, secrets=variables)
        made = Town(discord, slack, workspace, program)
        await program.start()
        made.port = await program.port()
        try:
            await slack.socket_mode.wait_connects(2, 60)
            yield made
        finally:
            await made.quiet()
            await program.stop(kill=True)


async def _talk(ask: Ask, talk: Talk, pause: float, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0, pause))  # not all at the same moment
    while True:
        answered = await ask(" ".join(dice.choices(WORDS, k=dice.randint(2, 14))))
        talk.asked += 1
        try:
            async with asyncio.timeout(PATIENCE):
                while not answered():  # noqa: ASYNC110 - 200 who wait for every change are many
                    await asyncio.sleep(LOOK_EVERY)
            talk.answered += 1
        except TimeoutError:
            talk.given_up += 1
        await asyncio.sleep(dice.uniform(0.5, 1.5) * pause)


def _in_discord(person: Person, channel: Channel) -> Ask:
    async def ask(text: str) -> Callable[[], bool]:
        for message in list(channel.store)[:-KEPT]:
            del channel.store[message]
        channel.typing.clear()
        asked = await person.mentions(channel, text)

        def answered() -> bool:
            said = [m for m in channel.from_bot if m.id > asked.id]
            return bool(said) and MARK not in said[-1].content

        return answered

    return ask


def _in_slack(person: SlackPerson, channel: SlackChannel) -> Ask:
    root: SlackMessage | None = None
    count = 0

    async def ask(text: str) -> Callable[[], bool]:
        nonlocal root, count
        if count % FOLLOW_UPS == 0:
            root = None
            for message in list(channel.store)[:-KEPT]:
                del channel.store[message]
            channel.statuses.clear()
        count += 1
        asked = await person.mentions(channel, text, thread=root)
        root = root or asked

        def answered() -> bool:
            said = [m for m in channel.from_bot if m.ts > asked.ts]
            return bool(said) and _whole(said[-1])

        return answered

    return ask


def _whole(message: SlackMessage) -> bool:
    streaming = message.stream is not None and not message.stream.ended
    return not streaming and MARK not in message.content
