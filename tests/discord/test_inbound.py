"""Which messages are for the bot, and what it reads in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.discord.inbound import inbound_of
from bot.values import Inbound, Standing
from tests.discord.payloads import (
    ANN,
    BEN,
    BOT,
    HOOK,
    MANAGERS,
    MESSAGE,
    OWNER,
    Scene,
    member,
    mention,
    user,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def read(scene: Scene, content: str, channel: Any = None, **more: Any) -> Inbound | None:
    return inbound_of(scene.message(content, channel, **more), scene.me)


def heard(scene: Scene, content: str, channel: Any = None, **more: Any) -> Inbound:
    inbound = read(scene, content, channel, mentions=mention(), **more)
    assert inbound is not None
    return inbound


def test_a_mention_in_a_channel_is_an_inbound(scene: Scene) -> None:
    inbound = heard(scene, f"<@{BOT}> what is a quipu?")
    assert inbound.place.id == "discord:100/200"
    assert not inbound.place.private
    assert inbound.text == "what is a quipu?"
    assert inbound.author.id == str(ANN)
    assert inbound.author.name == "Ann"
    assert inbound.author.standing is Standing.MEMBER
    assert inbound.message_id == str(MESSAGE)
    assert inbound.said_at == datetime(2026, 11, 3, 14, 5, tzinfo=UTC)


def test_a_mention_in_a_thread_belongs_to_the_thread(scene: Scene) -> None:
    assert heard(scene, f"<@{BOT}> hi", scene.thread).place.id == "discord:100/200/300"


def test_a_direct_message_needs_no_mention(scene: Scene) -> None:
    inbound = read(scene, "hello", scene.dm)
    assert inbound is not None
    assert inbound.place.id == "discord:@me/400"
    assert inbound.place.private
    assert inbound.author.standing is Standing.ADMIN


def test_a_reply_to_the_bot_needs_no_mention(scene: Scene) -> None:
    said = scene.data("a knotted cord", id="999", author=user(BOT, "Quipu", bot=True))
    inbound = inbound_of(scene.reply("and who made them?", said), scene.me)
    assert inbound is not None
    assert inbound.text == "and who made them?"
    assert inbound.quoted == ""


def test_a_reply_whose_words_are_hidden_is_left_alone(scene: Scene) -> None:
    said = scene.data("a knotted cord", id="999", author=user(BOT, "Quipu", bot=True))
    assert inbound_of(scene.reply("", said), scene.me) is None


def test_a_reply_to_another_person_quotes_them(scene: Scene) -> None:
    said = scene.data("Cords with knots.\nMany.", id="999", author=user(BEN, "Ben"))
    message = scene.reply(f"<@{BOT}> is that so?", said, mentions=mention())
    inbound = inbound_of(message, scene.me)
    assert inbound is not None
    assert inbound.text == "> Ben: Cords with knots.\n> Many.\nis that so?"
    assert inbound.quoted == str(BEN)


def test_a_mention_alone_under_a_message_is_about_that_message(scene: Scene) -> None:
    said = scene.data("x" * 500, id="999", author=user(BEN, "Ben"))
    inbound = inbound_of(scene.reply(f"<@{BOT}>", said, mentions=mention()), scene.me)
    assert inbound is not None
    assert inbound.text.startswith("> Ben: xxx")
    assert inbound.text.endswith("x…")
    assert len(inbound.text) < 320


def test_a_mention_alone_has_no_text(scene: Scene) -> None:
    assert heard(scene, f"<@!{BOT}>").text == ""


def test_a_reply_to_a_deleted_message_is_read_without_it(scene: Scene) -> None:
    reference = {"message_id": "999", "channel_id": "200", "type": 0}
    more = {"type": 19, "message_reference": reference, "referenced_message": None}
    assert heard(scene, f"<@{BOT}> hi", **more).text == "hi"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"mention_everyone": True},
        {"mentions": mention(BEN, "Ben")},
        {"author": user(BOT, "Quipu", bot=True), "mentions": mention()},
        {"author": user(BEN, "Ben", bot=True), "mentions": mention()},
        {"webhook_id": str(HOOK), "mentions": mention()},
        {"type": 7, "mentions": mention()},
        {"type": 21, "mentions": mention()},
        {"type": 20, "mentions": mention()},
    ],
    ids=[
        "nobody mentioned",
        "everyone",
        "somebody else",
        "itself",
        "a bot",
        "a webhook",
        "a join",
        "a thread's first message",
        "a command's answer",
    ],
)
def test_what_is_not_for_the_bot_is_nothing(scene: Scene, more: dict[str, Any]) -> None:
    assert read(scene, f"@everyone <@{BEN}> hi", **more) is None


@pytest.mark.parametrize(
    ("channel", "number", "roles", "standing"),
    [
        ("channel", ANN, (), Standing.MEMBER),
        ("channel", ANN, (MANAGERS,), Standing.ADMIN),
        ("channel", OWNER, (), Standing.OWNER),
        ("thread", ANN, (MANAGERS,), Standing.ADMIN),
        ("thread", ANN, (), Standing.MEMBER),
    ],
)
def test_who_manages_the_channel_is_an_admin(
    scene: Scene, channel: str, number: int, roles: tuple[int, ...], standing: Standing
) -> None:
    more = {"author": user(number, "Somebody"), "member": member(*roles)}
    assert heard(scene, f"<@{BOT}> hi", getattr(scene, channel), **more).author.standing is standing


def test_the_name_is_the_one_that_others_see(scene: Scene) -> None:
    assert heard(scene, f"<@{BOT}> hi", member=member(nick="Annie")).author.name == "Annie"


def test_markup_is_undone_with_the_names_of_this_guild(scene: Scene) -> None:
    mentions = mention() + mention(BEN, "Ben")
    text = f"<@{BOT}> ask <@{BEN}> or <@&{MANAGERS}> in <#200> or <#300> <:wave:77>"
    inbound = inbound_of(scene.message(text, mentions=mentions), scene.me)
    assert inbound is not None
    assert inbound.text == "ask @Ben or @keepers in #knots or #red string :wave:"


def test_a_channel_that_is_not_known_is_no_place(scene: Scene) -> None:
    unknown = scene.client.get_partial_messageable(777, guild_id=100)
    assert read(scene, f"<@{BOT}> hi", unknown, mentions=mention()) is None
