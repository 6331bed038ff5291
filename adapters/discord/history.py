"""What was said in a channel, and by whom, within the budget of requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord

from adapters.discord.failures import translated
from bot.errors import Gone

if TYPE_CHECKING:
    from adapters.discord.budget import Budget
    from bot.ports import CatchUp

PAGE = 100
MOST_PAGES = 5


class History:
    """Asks Discord, and remembers the members of guilds that it was told."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._members: dict[tuple[int, int], discord.User | discord.Member] = {}

    def forget(self) -> None:
        """People may have other roles now."""
        self._members = {}

    async def message(self, channel: Any, number: int) -> discord.Message | None:
        """None for one that is no more."""
        await self._within_budget()
        try:
            with translated(f"message {number}"):
                found: discord.Message = await channel.fetch_message(number)
                return found
        except Gone:
            return None

    async def _within_budget(self) -> None:
        while (wait := self._budget.admission()) > 0:  # noqa: ASYNC110 - nobody to notify us
            await asyncio.sleep(wait)
        self._budget.departed()

    async def said(self, channel: Any, catch_up: CatchUp) -> list[discord.Message]:
        """The newest messages, oldest first, and as many from before that time as came along."""
        found: list[discord.Message] = []
        while len(found) < PAGE * MOST_PAGES:
            await self._within_budget()
            before = found[-1] if found else None
            page = [m async for m in channel.history(limit=PAGE, before=before)]
            found += page
            if len(page) < PAGE or page[-1].created_at < catch_up.since:
                break
        if found:
            catch_up.seen(found[0].created_at)
        return found[::-1]

    async def member(self, message: discord.Message) -> discord.User | discord.Member:
        """A history names people without their roles and their names in the guild."""
        if message.guild is None or message.author.bot:
            return message.author
        key = (message.guild.id, message.author.id)
        if key not in self._members:
            try:
                self._members[key] = await message.guild.fetch_member(message.author.id)
            except discord.NotFound:  # gone meanwhile
                self._members[key] = message.author
        return self._members[key]


def readable(channel: Any) -> bool:
    """Whether the bot may read what was said there."""
    if not isinstance(channel, discord.abc.Messageable):
        return False
    if isinstance(channel, discord.Thread) and channel.parent is None:
        return False
    granted = channel.permissions_for(channel.guild.me)  # type: ignore[attr-defined]
    return bool(granted.view_channel and granted.read_message_history)
