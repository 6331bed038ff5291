"""The Discord half of the town: channels, threads and direct messages of one guild."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.drill.said import MARK, Said, Shown
from tests.loopback.discord import Channel, DiscordServer, Message, Person

CHANNELS = 5
THREADS = 2
DIRECT = 3


@dataclass(eq=False)
class DiscordSpot:
    """A channel, a thread, or somebody's direct messages."""

    server: DiscordServer
    channel: Channel
    members: dict[str, Person]
    name: str
    direct: bool = False
    platform: str = field(default="discord", init=False)

    @property
    def people(self) -> Sequence[str]:
        return list(self.members)

    async def say(self, who: str, number: int, words: str) -> Said:
        sessions = self.server.gateway.sessions.values()
        lines = frozenset(session.id for session in sessions if session.connection)
        person = self.members[who]
        text = words if self.direct else f"@bot {words}"
        message = await person.says(self.channel, text)
        return Said(number, str(message.id), self, who, words, lines)

    def bot_said(self) -> list[Shown]:
        return [_shown(message) for message in self.channel.from_bot]

    def seems_answered(self, said: Said) -> bool:
        return any(
            message.reference_id is not None
            and message.reference_id >= int(said.id)
            and MARK not in message.content
            for message in self.channel.from_bot
        )


def discord_spots(server: DiscordServer) -> list[DiscordSpot]:
    """A guild with people in it."""
    guild = server.guild("Cuzco")
    ann, bob, eve = (guild.member(name) for name in ("Ann", "Bob", "Eve"))
    channels = [guild.channel(f"knots-{number}") for number in range(CHANNELS)]
    spots = [
        DiscordSpot(server, channel, {"Ann": ann, "Bob": bob}, f"discord #{channel.name}")
        for channel in channels
    ]
    for number in range(THREADS):
        thread = channels[number].thread(f"thread-{number}", owner=eve.user)
        spots.append(
            DiscordSpot(server, thread, {"Eve": eve, "Ann": ann}, f"discord {thread.name}")
        )
    for number in range(DIRECT):
        person = guild.member(f"Di{number}")
        name = f"discord @{person.user.name}"
        spots.append(DiscordSpot(server, person.dms, {person.user.name: person}, name, direct=True))
    return spots


def _shown(message: Message) -> Shown:
    unfinished = MARK in message.content
    return Shown(str(message.id), message.content, unfinished, message.timeline)
