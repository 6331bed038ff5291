"""What the bot hears where not only mentions are answered, and the threads that it opens."""

from __future__ import annotations

import pytest

from adapters.discord import client, messenger
from bot.control.records import Behaviour
from bot.errors import StorageError
from bot.values import Place, Standing, Waiting
from tests.discord.stage import Stage
from tests.loopback.discord import Channel, Message

ALWAYS = Behaviour(when="always")
THREADS = Behaviour(threads=True)


def thread_place(stage: Stage, question: Message) -> Place:
    return Place("discord", str(stage.guild.id), str(stage.channel.id), str(question.id))


def thread_at(stage: Stage, question: Message) -> Channel:
    return next(one for one in stage.guild.channels if one.id == question.id)


async def test_every_message_is_heard_where_the_place_wants_it(reading: Stage) -> None:
    reading.guild.locale = "de"
    reading.habits.places[reading.place().id] = ALWAYS
    other = reading.guild.channel("elsewhere")
    await reading.ann.says(other, "not for you")
    await reading.ann.says(reading.channel, "what is a quipu?")
    await reading.ann.mentions(reading.channel, "hello")
    await reading.inbox.until(lambda inbox: len(inbox.accepted) == 2)
    first, second = reading.inbox.accepted
    assert (first.text, first.mentioned) == ("what is a quipu?", False)
    assert (second.text, second.mentioned) == ("hello", True)


async def test_the_language_of_a_message_is_its_guilds(live: Stage) -> None:
    await live.ann.mentions(live.channel, "hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert live.inbox.accepted[0].locale == "en-US"


async def test_a_message_tells_what_its_place_is_called(live: Stage) -> None:
    thread = live.channel.thread("red string")
    await live.ann.mentions(thread, "hello")
    await live.inbox.until(lambda inbox: len(inbox.accepted) == 1)
    await live.ann.dm("hello")
    await live.inbox.until(lambda inbox: len(inbox.accepted) == 2)
    names = [(one.channel_name, one.workspace_name) for one in live.inbox.accepted]
    assert names == [("knots", "Cuzco"), ("", "")]


async def test_words_that_discord_hides_are_not_heard(live: Stage) -> None:
    live.habits.everywhere = ALWAYS
    await live.ann.says(live.channel, "hidden")
    await live.ann.mentions(live.channel, "hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert [one.text for one in live.inbox.accepted] == ["hello"]


async def test_other_bots_are_heard_only_where_they_are_wanted(reading: Stage) -> None:
    robot = reading.guild.member("Robot", bot=True)
    await robot.mentions(reading.channel, "one")
    await reading.ann.mentions(reading.channel, "two")
    await reading.inbox.until(lambda inbox: len(inbox.accepted) == 1)
    reading.habits.everywhere = Behaviour(bots=True)
    await robot.says(reading.channel, "three")
    await robot.mentions(reading.channel, "four")
    await reading.inbox.until(lambda inbox: len(inbox.accepted) == 2)
    assert [one.text for one in reading.inbox.accepted] == ["two", "four"]
    assert reading.inbox.accepted[1].author.standing is Standing.BOT


async def test_the_role_of_the_bot_is_a_mention_of_it(reading: Stage) -> None:
    role = next(role for role in reading.guild.roles if role.of_bot)
    role.mentionable = True
    await reading.ann.says(reading.channel, f"{role.mention} what is a quipu?")
    await reading.inbox.until(lambda inbox: bool(inbox.accepted))
    assert reading.inbox.accepted[0].text == "what is a quipu?"
    assert reading.inbox.accepted[0].mentioned


async def test_roles_make_an_admin_where_the_configuration_names_them(live: Stage) -> None:
    await live.rob.mentions(live.channel, "hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    author = live.inbox.accepted[0].author
    assert author.standing is Standing.ADMIN
    assert str(next(one.id for one in live.guild.roles if one.name == "keepers")) in author.roles


async def test_a_mention_is_handed_on_although_the_behaviour_is_not_known(live: Stage) -> None:
    live.habits.failure = StorageError("disk full")
    await live.ann.mentions(live.channel, "hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert live.inbox.accepted[0].text == "hello"


async def test_a_question_is_answered_in_a_thread_of_its_own(live: Stage) -> None:
    live.habits.everywhere = THREADS
    question = await live.ann.mentions(live.channel, "what is\na quipu?")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    [inbound] = live.inbox.accepted
    assert inbound.place == thread_place(live, question)
    assert len(live.guild.channels) == 1
    outlet = live.messenger.outlet(inbound.place, inbound.message_id)
    first = await outlet.create("A knotted", nonce="n1")
    await outlet.edit(first, "A knotted cord.")
    await outlet.create("Many.", nonce="n2")
    thread = thread_at(live, question)
    assert thread.name == "what is a quipu?"
    assert [one.content for one in thread.from_bot] == ["A knotted cord.", "Many."]
    assert not live.channel.from_bot
    opened = [one for one in live.server.requests if one.path.endswith("/threads")]
    assert len(opened) == 1


async def test_a_thread_is_named_after_what_was_asked_in_short(live: Stage) -> None:
    live.habits.everywhere = THREADS
    file = live.ann.file(live.channel, "a.txt", b"words", "text/plain")
    questions = [
        await live.ann.mentions(live.channel, "word " * 50, [file]),
        await live.ann.mentions(live.channel, "", [file]),
    ]
    await live.inbox.until(lambda inbox: len(inbox.accepted) == 2)
    for question in questions:
        outlet = live.messenger.outlet(thread_place(live, question), str(question.id))
        await outlet.create("Hi.", nonce=f"n{question.id}")
    names = [thread_at(live, question).name for question in questions]
    assert names[0].startswith("word word")
    assert len(names[0]) <= 60
    assert names[1] == "Conversation"


async def test_a_thread_shows_that_an_answer_is_on_its_way(live: Stage) -> None:
    question = await live.ann.mentions(live.channel, "hello")
    outlet = live.messenger.outlet(thread_place(live, question), str(question.id))
    async with outlet.working(lambda: Waiting(1, 2.0)):
        await live.server.world.changes.until(
            lambda: any(one.typing for one in live.guild.channels), 10, lambda: "no typing"
        )
    assert thread_at(live, question).typing


async def test_in_its_own_threads_no_mention_is_needed(reading: Stage) -> None:
    reading.habits.everywhere = THREADS
    question = await reading.ann.mentions(reading.channel, "hello")
    await reading.inbox.until(lambda inbox: bool(inbox.accepted))
    place = thread_place(reading, question)
    await reading.messenger.outlet(place, str(question.id)).create("Hi.", nonce="n1")
    await reading.mia.says(thread_at(reading, question), "and you?")
    strange = reading.channel.thread("theirs", owner=reading.ann.user)
    await reading.mia.says(strange, "nobody asked the bot")
    await reading.ann.mentions(strange, "but now")
    await reading.inbox.until(lambda inbox: len(inbox.accepted) == 3)
    _, second, third = reading.inbox.accepted
    assert (second.text, second.place, second.mentioned) == ("and you?", place, True)
    assert third.text == "but now"
    assert third.place == reading.place(strange)


async def test_a_thread_that_somebody_opened_first_is_used(live: Stage) -> None:
    question = await live.ann.mentions(live.channel, "hello")
    live.server.world.create_thread(live.channel, "quicker", live.ann.user, thread_id=question.id)
    outlet = live.messenger.outlet(thread_place(live, question), str(question.id))
    await outlet.create("Hi.", nonce="n1")
    assert [one.content for one in thread_at(live, question).from_bot] == ["Hi."]


async def test_before_it_listens_it_finds_the_thread_whose_question_is_gone(stage: Stage) -> None:
    question = await stage.ann.mentions(stage.channel, "hello")
    outlet = stage.messenger.outlet(thread_place(stage, question), str(question.id))
    await outlet.create("Hi.", nonce="n1")
    await outlet.create("More.", nonce="n2")
    await stage.ann.deletes(question)
    await outlet.create("And more.", nonce="n3")
    said = [one.content for one in thread_at(stage, question).from_bot]
    assert said == ["Hi.", "More.", "And more."]


async def test_where_no_thread_may_be_opened_the_channel_is_answered(live: Stage) -> None:
    live.habits.everywhere = THREADS
    live.channel.deny(live.guild.everyone, "create_public_threads")
    await live.ann.mentions(live.channel, "hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert live.inbox.accepted[0].place == live.place()


async def test_the_question_of_a_thread_can_be_edited_and_deleted(live: Stage) -> None:
    live.habits.everywhere = THREADS
    question = await live.ann.mentions(live.channel, "hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    place = thread_place(live, question)
    await live.messenger.outlet(place, str(question.id)).create("Hi.", nonce="n1")
    await live.ann.edits(question, "@bot hello there")
    await live.inbox.until(lambda inbox: len(inbox.amended) == 2)
    assert (place.id, str(question.id), "hello there") in live.inbox.amended
    await live.ann.deletes(question)
    await live.inbox.until(lambda inbox: len(inbox.withdrawn) == 2)
    assert (place.id, str(question.id)) in live.inbox.withdrawn


async def test_a_channel_that_discord_does_not_tell_at_once_is_asked_for_again(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.0, 0.0))
    thread = live.channel.thread("aside")
    thread.archive()
    asked = ("GET", f"/channels/{thread.id}$")
    live.server.faults.fail(*asked, status=503)
    said = await live.ann.mentions(thread, "hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert live.inbox.accepted[0].place == live.place(thread)
    live.server.faults.fail(*asked, status=503)
    await live.ann.edits(said, "@bot hello there")
    await live.inbox.until(lambda inbox: bool(inbox.amended))
    live.server.faults.fail(*asked, status=503)
    await live.ann.deletes(said)
    await live.inbox.until(lambda inbox: bool(inbox.withdrawn))


def asked_for(live: Stage, thread: Channel) -> int:
    path = f"/channels/{thread.id}"
    return sum(r.method == "GET" and r.path.endswith(path) for r in live.server.requests)


async def test_many_deletions_ask_once_for_their_channel(live: Stage) -> None:
    thread = live.channel.thread("aside")
    said = [await live.ann.says(thread, str(number)) for number in range(3)]
    thread.archive()
    before = asked_for(live, thread)
    await live.ann.deletes(*said)
    await live.inbox.until(lambda inbox: len(inbox.withdrawn) == 3)
    assert asked_for(live, thread) - before == 1


async def test_many_deletions_in_a_channel_that_discord_does_not_tell_of_are_owed_as_one(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.0,))
    thread = live.channel.thread("aside")
    said = [await live.ann.says(thread, str(number)) for number in range(3)]
    thread.archive()
    fault = live.server.faults.fail("GET", f"/channels/{thread.id}$", status=503, times=2)
    await live.ann.deletes(*said)
    await live.ann.mentions(thread, "hello")  # heard after them
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert fault.seen == 2
    assert live.absences.failed.is_set()
    assert live.inbox.withdrawn == []


async def test_a_channel_that_discord_does_not_tell_of_is_not_waited_for_at_the_end(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messenger, "CLOSING_PATIENCE", 0.0)
    monkeypatch.setattr(client, "PAUSES", (3600.0,))
    thread = live.channel.thread("aside")
    said = await live.ann.says(thread, "hello")
    thread.archive()
    fault = live.server.faults.fail("GET", f"/channels/{thread.id}$", status=503)
    await live.ann.deletes(said)
    await fault.reached()
    await live.messenger.close()
    assert live.absences.failed.is_set()


async def test_the_question_of_an_archived_thread_can_be_edited_and_deleted(live: Stage) -> None:
    live.habits.everywhere = THREADS
    question = await live.ann.mentions(live.channel, "hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    place = thread_place(live, question)
    await live.messenger.outlet(place, str(question.id)).create("Hi.", nonce="n1")
    thread_at(live, question).archive()
    await live.ann.edits(question, "@bot hello there")
    await live.inbox.until(lambda inbox: len(inbox.amended) == 2)
    assert (place.id, str(question.id), "hello there") in live.inbox.amended
    await live.ann.deletes(question)
    await live.inbox.until(lambda inbox: len(inbox.withdrawn) == 2)
    assert (place.id, str(question.id)) in live.inbox.withdrawn
