"""The Slack half of the town: channels in which answers open threads, threads, and DMs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.drill.said import MARK, Said, Shown
from tests.loopback.slack import Channel, Message, Person, SlackServer, Workspace
from tests.loopback.slack.streams import OPEN

CHANNELS = 2
THREADS = 3
DIRECT = 3


@dataclass(eq=False)
class SlackSpot:
    """A channel, in which every mention opens a thread, one thread, or direct messages."""

    server: SlackServer
    channel: Channel
    members: dict[str, Person]
    name: str
    root: Message | None = None
    direct: bool = False
    platform: str = field(default="slack", init=False)

    @property
    def people(self) -> Sequence[str]:
        return list(self.members)

    async def say(self, who: str, number: int, words: str) -> Said:
        lines = frozenset(str(line.number) for line in self.server.socket_mode.open)
        person = self.members[who]
        text = words if self.direct else f"@bot {words}"
        message = await person.says(self.channel, text, thread=self.root)
        return Said(number, f"{self.channel.id}:{message.ts}", self, who, words, lines)

    def bot_said(self) -> list[Shown]:
        return [_shown(message) for message in self.channel.from_bot if self._is_here(message)]

    def seems_answered(self, said: Said) -> bool:
        ts = said.id.partition(":")[2]
        own = None if self.root is not None else ts
        return any(
            message.ts > ts
            and not _shown(message).unfinished
            and (own is None or message.thread_ts == own)
            for message in self.channel.from_bot
            if self._is_here(message)
        )

    def _is_here(self, message: Message) -> bool:
        if self.root is not None:
            return message.root is self.root
        # The channels of the town have no other threads than those that mentions open.
        return True


def slack_spots(server: SlackServer) -> tuple[Workspace, list[SlackSpot]]:
    """A workspace with people in it. Threads have channels of their own."""
    workspace = server.workspace("Qosqo")
    mia, noa, tom = (workspace.member(name) for name in ("Mia", "Noa", "Tom"))
    spots = []
    for number in range(CHANNELS):
        channel = workspace.channel(f"cords-{number}")
        spots.append(SlackSpot(server, channel, {"Mia": mia, "Noa": noa}, f"slack #{channel.name}"))
    for number in range(DIRECT):
        person = workspace.member(f"Su{number}")
        name = f"slack @{person.user.name}"
        spots.append(SlackSpot(server, person.dms, {person.user.name: person}, name, direct=True))
    for number in range(THREADS):
        channel = workspace.channel(f"threads-{number}")
        spots.append(SlackSpot(server, channel, {"Noa": noa, "Tom": tom}, f"slack thread-{number}"))
    return workspace, spots


async def open_threads(spots: Sequence[SlackSpot]) -> None:
    """Let the spots that stand for threads have one, begun by a person without the bot."""
    for spot in spots:
        if "thread" in spot.name:
            opener = next(iter(spot.members.values()))
            spot.root = await opener.says(spot.channel, "shall we talk about knots here?")


def _shown(message: Message) -> Shown:
    streaming = message.stream is not None and message.stream.state == OPEN
    return Shown(
        message.ts, message.content, streaming or MARK in message.content, message.timeline
    )
