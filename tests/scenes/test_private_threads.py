"""What was said in a private thread of Discord stays with those who see it."""

from __future__ import annotations

import pytest

from tests.loopback.discord import Channel, Message, Person
from tests.scenes.conftest import Town


@pytest.fixture
async def nook(cuzco: Town) -> Channel:
    """A private thread of Zoe's, beside one that everybody sees."""
    zoe = cuzco.guild.member("Zoe")
    thread = cuzco.channel.private_thread("nook", owner=zoe.user)
    await asked(cuzco, zoe, thread, "my secret is a pear")
    aside = await cuzco.ann.starts_thread(cuzco.channel, "aside")
    await asked(cuzco, cuzco.ann, aside, "no secret at all")
    await cuzco.core.conversations.settled()
    return thread


async def asked(town: Town, person: Person, where: Channel, text: str) -> None:
    await person.mentions(where, text)
    await town.answer(where, f"You said: {person.user.name}: {text}")


async def used(person: Person, command: str, where: Channel) -> Message:
    return await (await person.runs_command(command, where)).answer()


async def exported(person: Person, where: Channel) -> tuple[str, str]:
    """What the bot says, and what the file holds."""
    answer = await used(person, "channel export", where)
    [file] = answer.attachments
    return answer.content, file.content.decode()


async def test_who_cannot_see_a_private_thread_does_not_get_it_with_the_channel(
    cuzco: Town, nook: Channel
) -> None:
    for person in (cuzco.chief, cuzco.guild.member("Olga", manage_guild=True)):
        told, kept = await exported(person, cuzco.channel)
        assert "no secret at all" in kept
        assert "pear" not in kept
        assert "Zoe" not in kept
        assert str(nook.id) not in kept
        assert "left out" in told
        assert told.splitlines()[-1].count("1") == 1


async def test_who_may_manage_threads_gets_the_private_ones_with_the_channel(
    cuzco: Town, nook: Channel
) -> None:
    boss = cuzco.guild.member("Boss", manage_channels=True, manage_threads=True)
    head = cuzco.guild.member("Head", administrator=True)
    for person in (boss, head):
        told, kept = await exported(person, cuzco.channel)
        assert "pear" in kept
        assert str(nook.id) in kept
        assert "left out" not in told


async def test_within_a_private_thread_that_one_is_exported_and_no_other(
    cuzco: Town, nook: Channel
) -> None:
    nook.recipients.append(cuzco.chief.user)
    other = cuzco.channel.private_thread("other", owner=cuzco.bob.user)
    await asked(cuzco, cuzco.bob, other, "a plum")
    told, kept = await exported(cuzco.chief, nook)
    assert "pear" in kept
    assert "plum" not in kept
    assert "left out" in told


async def test_a_channel_is_wiped_as_far_as_the_person_sees_it(cuzco: Town, nook: Channel) -> None:
    question = await used(cuzco.chief, "channel wipe", cuzco.channel)
    await cuzco.chief.presses(question, "Delete it all")
    assert "left as they are" in question.content
    kept = cuzco.rows("SELECT text FROM turns WHERE role = 'user'")
    assert kept == [("my secret is a pear",)]
    boss = cuzco.guild.member("Boss", manage_channels=True, manage_threads=True)
    question = await used(boss, "channel wipe", cuzco.channel)
    await boss.presses(question, "Delete it all")
    assert "left as they are" not in question.content
    assert cuzco.rows("SELECT text FROM turns") == []


async def test_what_was_set_in_a_private_thread_is_not_exported_with_the_channel(
    cuzco: Town,
) -> None:
    hidden = cuzco.channel.private_thread("quiet", owner=cuzco.chief.user)
    await cuzco.chief.runs_command("sampling", hidden, {"seed": 4711, "where": "thread"})
    _, kept = await exported(cuzco.chief, cuzco.channel)
    assert "4711" not in kept
    _, kept = await exported(cuzco.chief, hidden)
    assert "4711" in kept
