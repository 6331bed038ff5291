"""What a Discord bot missed, and what goes wrong while it looks for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from adapters.discord import client
from bot.conversation import catching_up
from bot.reply.messages import MARKER
from tests.loopback.discord import Channel, Message
from tests.scenes.conftest import Town

HISTORY = r"/channels/\d+/messages$"


async def cut(cuzco: Town) -> None:
    """The line is cut, and the session cannot be resumed."""
    cuzco.server.gateway.forget_sessions()
    cuzco.server.gateway.kill()


async def said(channel: Channel, *texts: str) -> list[Message]:
    def look(_: list[Message]) -> list[Message] | None:
        shown = [m for m in channel.from_bot if MARKER.strip() not in m.content]
        return shown if [m.content for m in shown] == list(texts) else None

    return await channel.wait_for(look, timeout=30)


async def changed(cuzco: Town, query: str, value: object) -> None:
    """Wait until the database says this."""
    async with asyncio.timeout(30):
        while cuzco.rows(query) != [(value,)]:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.02)


def looked_at(cuzco: Town) -> list[str]:
    requests = cuzco.server.requests
    return [r.path for r in requests if r.method == "GET" and r.path.endswith("/messages")]


async def test_what_was_missed_in_a_session_that_cannot_be_resumed_is_answered(
    cuzco: Town,
) -> None:
    quiet = cuzco.guild.channel("quiet")
    await cuzco.bob.says(quiet, "nothing for the bot")
    await cuzco.ann.mentions(cuzco.channel, "hello")
    await said(cuzco.channel, "You said: Ann: hello")
    await cut(cuzco)
    await cuzco.ann.mentions(cuzco.channel, "one")
    await cuzco.bob.mentions(cuzco.channel, "two")
    await said(cuzco.channel, "You said: Ann: hello", "You said: Ann: one", "You said: Bob: two")
    await cuzco.settled()
    assert cuzco.states() == ["delivered"] * 3
    assert cuzco.server.gateway.identifies == 2


async def test_who_writes_first_is_answered_first_though_the_other_was_missed(
    cuzco: Town,
) -> None:
    gateway = cuzco.server.gateway
    held = cuzco.server.faults.hold("GET", HISTORY)
    await cut(cuzco)
    await cuzco.ann.mentions(cuzco.channel, "missed")
    await gateway.wait_identified(2, timeout=30)
    await held.reached(30)
    await cuzco.bob.mentions(cuzco.channel, "live")
    held.release()
    await said(cuzco.channel, "You said: Ann: missed", "You said: Bob: live")


@pytest.mark.slow
async def test_server_errors_and_limits_put_catching_up_off_and_do_not_end_it(
    cuzco: Town,
) -> None:
    cuzco.server.faults.fail("GET", HISTORY, status=503)
    cuzco.server.faults.fail("GET", HISTORY, status=429)
    await cut(cuzco)
    await cuzco.ann.mentions(cuzco.channel, "one")
    await said(cuzco.channel, "You said: Ann: one")


@pytest.mark.slow
async def test_a_channel_that_is_gone_or_closed_does_not_keep_the_others_waiting(
    cuzco: Town,
) -> None:
    gone, secret = cuzco.guild.channel("gone"), cuzco.guild.channel("secret")
    secret.deny(cuzco.guild.everyone, "read_message_history")
    held = cuzco.server.faults.hold("GET", rf"/channels/{gone.id}/messages$")
    await cut(cuzco)
    await cuzco.ann.mentions(cuzco.channel, "one")
    await cuzco.ann.mentions(secret, "never to be found")
    await cuzco.ann.mentions(gone, "two")
    await held.reached(30)
    cuzco.server.forget(gone)
    held.release()
    await said(cuzco.channel, "You said: Ann: one")
    assert secret.from_bot == []
    assert f"/channels/{secret.id}/messages" not in looked_at(cuzco)


async def test_what_was_said_and_deleted_where_discord_tells_of_no_channel_is_found_later(
    cuzco: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAUSES", ())
    monkeypatch.setattr(catching_up, "FIRST_PAUSE", 0.01)
    thread = cuzco.channel.thread("aside")
    await cuzco.bob.says(thread, "what are your cats called?")
    first = await cuzco.ann.mentions(thread, "my cat is called Tom")
    await said(thread, "You said: Ann: my cat is called Tom")
    thread.archive()
    asked = ("GET", f"/channels/{thread.id}$")
    fault = cuzco.server.faults.fail(*asked, status=503, times=3)
    await cuzco.ann.mentions(thread, "and my dog Rex")
    await said(
        thread, *(f"You said: Ann: {words}" for words in ("my cat is called Tom", "and my dog Rex"))
    )
    assert fault.seen == 3
    cuzco.server.faults.fail(*asked, status=503, times=3)
    await cuzco.ann.deletes(first)
    await changed(cuzco, "SELECT count(*) FROM turns WHERE text LIKE '%Tom%' AND role = 'user'", 0)
    assert looked_at(cuzco) == []  # only at that very message


@pytest.mark.slow
async def test_a_history_says_who_manages_and_what_they_are_called_here(cuzco: Town) -> None:
    nicked = cuzco.guild.member("Margaret", nick="Maggie", manage_channels=True)
    await cut(cuzco)
    await nicked.mentions(cuzco.channel, "hello")
    await said(cuzco.channel, "You said: Maggie: hello")
    assert cuzco.rows("SELECT author_standing FROM replies") == [("admin",)]


@pytest.mark.slow
async def test_channels_without_news_cost_no_request(cuzco: Town) -> None:
    quiet = cuzco.guild.channel("quiet")
    await cuzco.ann.mentions(quiet, "hello")
    await said(quiet, "You said: Ann: hello")
    later = datetime.now(UTC) + timedelta(minutes=1)
    with cuzco.core.absences.hearing("discord", later):  # much was heard since
        pass
    await cut(cuzco)
    cuzco.server.world.ids.skip(timedelta(minutes=2))
    await cuzco.ann.mentions(cuzco.channel, "one")
    await said(cuzco.channel, "You said: Ann: one")
    assert looked_at(cuzco) == [f"/channels/{cuzco.channel.id}/messages"]
