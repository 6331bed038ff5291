"""Channels as Places, and channels that the library knows only by number."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.discord.places import channel_id, known_channel, place_of
from bot.values import Place
from tests.discord.payloads import THREAD, Scene


@pytest.mark.parametrize("kind", ["channel", "thread", "dm"])
def test_a_place_leads_back_to_its_channel(kind: str) -> None:
    channel = getattr(Scene(), kind)
    place = place_of(channel)
    assert place is not None
    assert channel_id(place) == channel.id
    assert Place.parse(place.id, private=place.private) == place


async def test_a_channel_known_by_number_is_asked_of_discord_once() -> None:
    scene = Scene()
    asked: list[int] = []

    async def fetch(number: int) -> Any:
        asked.append(number)
        return scene.thread

    unknown = scene.client.get_partial_messageable(THREAD, guild_id=scene.guild.id)
    assert await known_channel(unknown, fetch) is scene.thread
    assert await known_channel(scene.channel, fetch) is scene.channel
    assert asked == [THREAD]


def test_what_is_no_conversation_is_no_place() -> None:
    assert place_of(None) is None
    assert place_of(Scene().client.get_partial_messageable(1)) is None
