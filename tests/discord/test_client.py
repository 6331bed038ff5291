"""Events on their way in, through a real gateway connection."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from adapters.discord.client import intents_for
from bot.errors import QuipuError, StorageError
from bot.values import Standing
from tests.discord.stage import Stage
from tests.loopback.discord.ids import created_at


async def test_a_mention_reaches_the_inbox_once_even_if_discord_repeats_it(live: Stage) -> None:
    message = await live.ann.mentions(live.channel, "what is a quipu?")
    live.server.gateway.repeat(message)
    await live.inbox.until(lambda inbox: bool(inbox.duplicates))
    [inbound] = live.inbox.accepted
    assert inbound.text == "what is a quipu?"
    assert inbound.place == live.place()
    assert inbound.author.name == "Ann"
    assert inbound.message_id == str(message.id)


async def test_what_is_not_for_the_bot_is_left_alone(live: Stage) -> None:
    robot = live.guild.member("Robot", bot=True)
    await live.ann.says(live.channel, "hello everybody")
    await robot.mentions(live.channel, "hello")
    await live.mia.mentions(live.channel, "last")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert [one.text for one in live.inbox.accepted] == ["last"]


async def test_the_bot_does_not_hear_itself(live: Stage) -> None:
    outlet = await live.asked()
    await live.inbox.until(lambda inbox: len(inbox.accepted) == 1)
    message_id = await outlet.create(f"{live.server.bot.mention} hello me", nonce="n1")
    await outlet.edit(message_id, f"{live.server.bot.mention} hello again")
    await live.ann.mentions(live.channel, "more")
    await live.inbox.until(lambda inbox: len(inbox.accepted) == 2)
    assert [one.text for one in live.inbox.accepted] == ["hello", "more"]
    assert not live.inbox.amended


async def test_a_manager_is_an_admin_in_the_channel_and_its_threads(live: Stage) -> None:
    thread = live.channel.thread("red string")
    await live.mia.mentions(live.channel, "one")
    await live.mia.mentions(thread, "two")
    await live.ann.mentions(thread, "three")
    await live.inbox.until(lambda inbox: len(inbox.accepted) == 3)
    standings = {one.text: one.author.standing for one in live.inbox.accepted}
    assert standings["one"] is Standing.ADMIN
    assert standings["two"] is Standing.ADMIN
    assert standings["three"] is Standing.MEMBER
    assert live.inbox.accepted[-1].place == live.place(thread)


async def test_a_direct_message_comes_from_a_private_place(live: Stage) -> None:
    await live.ann.dm("hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    [inbound] = live.inbox.accepted
    assert inbound.place == live.place(live.ann.dms)
    assert inbound.place.private


async def test_a_reply_to_the_bot_that_pings_it_is_heard_without_any_intent(live: Stage) -> None:
    outlet = await live.asked()
    await outlet.create("a cord with knots", nonce="n1")
    [answer] = live.channel.from_bot
    await live.ann.replies_to(answer, "who made them?")
    await live.inbox.until(lambda inbox: len(inbox.accepted) == 2)
    assert live.inbox.accepted[-1].text == "who made them?"


async def test_a_reply_without_ping_is_heard_where_the_bot_may_read(reading: Stage) -> None:
    outlet = await reading.asked()
    await outlet.create("a cord with knots", nonce="n1")
    [answer] = reading.channel.from_bot
    await reading.ann.replies_to(answer, "who made them?", ping=False)
    await reading.inbox.until(lambda inbox: len(inbox.accepted) == 2)
    assert reading.inbox.accepted[-1].text == "who made them?"


async def test_a_quoted_message_comes_along_where_the_bot_may_read(reading: Stage) -> None:
    said = await reading.mia.says(reading.channel, "Knots are numbers.")
    await reading.ann.replies_to(said, "@bot is that so?")
    await reading.inbox.until(lambda inbox: bool(inbox.accepted))
    assert reading.inbox.accepted[-1].text == "> Mia: Knots are numbers.\nis that so?"


async def test_an_edit_amends_and_a_deletion_withdraws(live: Stage) -> None:
    message = await live.ann.mentions(live.channel, "what is a quippu?")
    await live.ann.edits(message, "@bot what is a quipu?")
    await live.inbox.until(lambda inbox: len(inbox.amended) == 2)
    number = str(message.id)
    places = [live.place().id, f"{live.place().id}/{number}"]  # or the thread opened for it
    assert live.inbox.amended == [(place, number, "what is a quipu?") for place in places]
    await live.ann.deletes(message)
    await live.inbox.until(lambda inbox: len(inbox.withdrawn) == 2)
    assert live.inbox.withdrawn == [(place, number) for place in places]


async def test_many_messages_deleted_at_once_are_all_withdrawn(live: Stage) -> None:
    thread = live.channel.thread("red string")
    messages = [await live.ann.mentions(thread, str(count)) for count in range(3)]
    await live.ann.deletes(*messages)
    await live.inbox.until(lambda inbox: len(inbox.withdrawn) == 3)
    place = live.place(thread).id
    assert live.inbox.withdrawn == [(place, str(message.id)) for message in messages]


async def test_an_edit_whose_words_are_hidden_takes_the_old_ones_back(live: Stage) -> None:
    said = [await live.ann.mentions(live.channel, "my IBAN is DE89") for _ in range(2)]
    # One was kept in the channel, the other in the thread opened for it.
    places = [live.place(), replace(live.place(), thread=str(said[1].id))]
    for message, place in zip(said, places, strict=True):
        live.desk.kept[str(message.id)] = place
        await live.ann.edits(message, "oops")
    await live.inbox.until(lambda inbox: len(inbox.withdrawn) == 2)
    assert live.inbox.withdrawn == [
        (place.id, str(message.id)) for message, place in zip(said, places, strict=True)
    ]
    assert live.inbox.amended == []


async def test_what_others_edit_unseen_changes_nothing(live: Stage) -> None:
    message = await live.ann.says(live.channel, "nice weather")
    await live.ann.edits(message, "bad weather")
    await live.ann.mentions(live.channel, "hello")  # heard after that
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert live.inbox.withdrawn == []
    assert live.inbox.amended == []


async def test_what_discord_adds_to_hidden_words_takes_nothing_back(live: Stage) -> None:
    never = await live.ann.says(live.channel, "https://example.org")
    asked = await live.ann.mentions(live.channel, "https://example.org")
    for message in (never, asked):
        live.server.world.updated(message)
    await live.ann.deletes(asked)
    await live.inbox.until(lambda inbox: len(inbox.withdrawn) == 2)
    assert {message_id for _, message_id in live.inbox.withdrawn} == {str(asked.id)}
    assert live.inbox.amended == []


async def test_words_that_are_emptied_in_private_leave_the_file(live: Stage) -> None:
    file = live.ann.file(live.ann.dms, "knots.py", b"tie()")
    message = await live.ann.says(live.ann.dms, "my IBAN is DE89", [file])
    await live.ann.edits(message, "")
    await live.inbox.until(lambda inbox: bool(inbox.amended))
    assert [text for _, _, text in live.inbox.amended] == ["knots.py:\n```py\ntie()\n```"]
    assert live.inbox.withdrawn == []


async def test_a_file_that_is_taken_out_of_a_message_leaves_the_words(live: Stage) -> None:
    files = [live.ann.file(live.channel, name, b"tie()") for name in ("a.py", "b.py")]
    message = await live.ann.mentions(live.channel, "explain", files)
    await live.ann.removes_file(message)
    await live.inbox.until(lambda inbox: bool(inbox.amended))
    assert live.inbox.amended[0][2] == "explain\n\nb.py:\n```py\ntie()\n```"


async def test_a_message_that_cannot_be_taken_is_answered_with_the_reason(live: Stage) -> None:
    live.inbox.failure = QuipuError("who knows")
    question = await live.ann.mentions(live.channel, "hello")
    answer = await live.channel.wait_for(lambda _: next(iter(live.channel.from_bot), None))
    assert answer.content == QuipuError.notice
    assert answer.reference is question


async def test_a_message_that_was_neither_saved_nor_declined_is_not_noted_as_heard(
    live: Stage,
) -> None:
    live.inbox.failure = StorageError("disk full")
    await live.ann.mentions(live.channel, "hello")
    await asyncio.wait_for(live.absences.failed.wait(), 10)
    live.inbox.failure = None
    second = await live.ann.mentions(live.channel, "hello again")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert [moment for _, moment in live.absences.heard] in ([], [created_at(second.id)])
    assert live.channel.from_bot == []


async def test_messages_missed_while_the_line_was_down_arrive_after_resuming(live: Stage) -> None:
    live.server.gateway.kill()
    await live.ann.mentions(live.channel, "are you there?")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert [one.text for one in live.inbox.accepted] == ["are you there?"]
    assert live.server.gateway.resumes == 1


def test_the_bot_asks_for_no_more_than_it_needs() -> None:
    names = {name for name, wanted in intents_for(message_content=False) if wanted}
    assert names == {"guilds", "guild_messages", "dm_messages"}
    assert intents_for(message_content=True).message_content
