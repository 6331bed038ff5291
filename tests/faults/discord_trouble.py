"""How to break the loopback Discord."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.faults.trouble import Request
from tests.loopback.discord import Channel, DiscordServer
from tests.loopback.discord import messages as discord_messages
from tests.loopback.discord.ids import Snowflakes
from tests.loopback.faults import Faults

CREATE = ("POST", r"/channels/\d+/messages$")
EDIT = ("PATCH", r"/messages/\d+$")


class DiscordTrouble:
    """Faults of requests, of permissions, and of the order of events."""

    moments: Mapping[str, Request] = {"begin": CREATE, "grow": EDIT, "end": EDIT}
    history: Request = ("GET", CREATE[1])

    def __init__(self, server: DiscordServer) -> None:
        self.server = server

    @property
    def faults(self) -> Faults:
        return self.server.faults

    def closings(self) -> Mapping[str, Callable[[Channel], None]]:
        return {
            "the channel is deleted": self.server.forget,
            "the bot cannot see the channel": self._hide,
            "the bot is thrown out": self._throw_out,
        }

    def forbid_posting(self, where: Channel) -> None:
        where.deny(self.server.bot, "send_messages")

    def delete_answer(self, where: Channel) -> None:
        self.server.world.remove(where.from_bot[-1])

    def fix_answer(self, where: Channel, error: str, *, lasting: bool = False) -> None:
        answer = where.from_bot[-1]
        answer.fixed, answer.lasting = error, lasting

    def shrink(self, patch: pytest.MonkeyPatch, characters: int) -> None:
        patch.setattr(discord_messages, "LONGEST", characters)

    def skew(self, ahead: float) -> None:
        world = self.server.world
        # Ids only ever grow; those given out so far are of before.
        world.ids = Snowflakes()
        world.ids.ahead = self.server.limits.ahead = ahead

    def hold_events(self) -> None:
        self.server.gateway.hold()

    async def release_events(self, *, reverse: bool = False) -> None:
        self.server.gateway.release(reverse=reverse)

    def _hide(self, where: Channel) -> None:
        where.deny(self.server.bot, "view_channel")

    def _throw_out(self, where: Channel) -> None:
        assert where.guild is not None
        self.server.world.leave(where.guild)
