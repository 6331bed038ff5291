"""Buttons and menus: below answers and below what only one person sees."""

from __future__ import annotations

from typing import Any

import pytest

from bot.control.records import Behaviour
from bot.control.response import Button, Call, Response
from bot.control.words import say
from tests.loopback.slack import Message, SlackServer
from tests.memory import MemoryInbox
from tests.slack.control import MemoryControl
from tests.slack.stage import Stage, connected, messenger_for, running

WHY = Button(("why",), "Why?", "❓", reply_id=7)
UP = Button(("rate",), "Good", "👍", reply_id=7, arguments=(("score", "up"),))
DOWN = Button(("rate",), "Bad", "👎", reply_id=7, arguments=(("score", "down"),), window=True)


async def answered(stage: Stage, *buttons: Button) -> Message:
    outlet = await stage.asked()
    await outlet.create("hello", nonce="n1", buttons=buttons)
    return stage.channel.from_bot[-1]


async def called(stage: Stage, count: int = 1) -> Call:
    await stage.server.world.changes.until(
        lambda: len(stage.control.calls) >= count, 10, lambda: repr(stage.control.calls)
    )
    return stage.control.calls[count - 1]


async def test_a_press_reaches_the_core_and_its_answer_the_person_alone(live: Stage) -> None:
    message = await answered(live, WHY)
    interaction = await live.mia.presses(message, "Why?")
    answer = await interaction.answer()
    assert (answer.content, answer.hidden_from_all_but) == ("why", live.mia.user)
    assert answer.thread_ts == message.thread_ts
    call = live.control.last
    assert (call.command, call.reply_id) == (("why",), 7)
    assert call.place == live.inbox.accepted[0].place
    assert message.content == "hello"


async def test_a_button_of_an_earlier_run_works(slack_server: SlackServer) -> None:
    async with connected(slack_server) as stage:
        message = await answered(stage, WHY)
        place = stage.inbox.accepted[0].place
    control = MemoryControl()
    later = messenger_for(slack_server, MemoryInbox(), stage.workspace.bot_token, control)
    await later.start()
    async with running(later):
        await slack_server.socket_mode.wait_connects(4)
        interaction = await stage.ann.presses(message, "Why?")
        assert (await interaction.answer()).content == "why"
    assert (control.last.place, control.last.reply_id) == (place, 7)


async def test_a_press_in_a_channel_of_one_conversation_is_about_the_channel(
    live: Stage,
) -> None:
    message = await answered(live, WHY)
    for block in message.blocks:
        if block["type"] == "actions":
            block["block_id"] = "q::0"
    await live.ann.presses(message, "Why?")
    assert (await called(live)).place.thread == ""


async def test_in_private_thumbs_are_slacks_own(live: Stage) -> None:
    await live.ann.dm("hello")
    outlet = live.outlet((await live.heard())[0])
    await outlet.create("hi", nonce="n1", buttons=(UP, DOWN, WHY))
    [message] = live.ann.dms.from_bot
    kinds = [block["type"] for block in message.blocks]
    assert kinds == ["markdown", "actions", "context_actions"]
    [thumbs] = message.blocks[-1]["elements"]
    await live.ann.presses(message, thumbs["action_id"], UP.id)
    await live.ann.presses(message, thumbs["action_id"], DOWN.id)
    await called(live, 2)
    given = {call.arguments["score"] for call in live.control.calls}
    assert given == {"up", "down"}
    assert {call.reply_id for call in live.control.calls} == {7}


async def test_a_confirmation_takes_the_place_of_its_question(live: Stage) -> None:
    sure = Button(("privacy", "delete"), "Delete", confirmed=True, danger=True)

    def asked(call: Call) -> Response:
        return Response("deleted") if call.confirmed else Response("Sure?", (sure,))

    live.control.answers["privacy", "delete"] = asked
    interaction = await live.ann.runs_command("/quipu", "privacy delete", live.channel)
    question = await interaction.answer()
    assert question.blocks[-1]["elements"][0]["style"] == "danger"
    await live.ann.presses(question, "Delete")
    await live.server.world.changes.until(
        lambda: question.content == "deleted", 10, lambda: repr(live.ann.sees)
    )
    assert live.control.last.confirmed
    assert not any(block["type"] == "actions" for block in question.blocks)


async def test_a_refused_press_says_why(live: Stage) -> None:
    message = await answered(live, Button(("audit",), "Audit"))
    interaction = await live.ann.presses(message, "Audit")
    answer = await interaction.answer()
    assert answer.content == say("error.not_an_admin", command="audit")


@pytest.mark.parametrize("value", ["", "nonsense", "q:why"])
async def test_a_button_that_says_nothing_is_answered_so(live: Stage, value: str) -> None:
    message = await answered(live, WHY)
    for block in message.blocks:
        for element in block.get("elements", ()):
            element["value"] = value
    interaction = await live.ann.presses(message, "Why?")
    assert (await interaction.answer()).content == say("slack.unknown_button")
    assert live.control.calls == []


async def test_a_button_nobody_knows_is_acknowledged(live: Stage) -> None:
    message = await answered(live)
    button: dict[str, Any] = {
        "type": "button",
        "action_id": "old",
        "text": {"type": "plain_text", "text": "Old"},
    }
    message.blocks = [{"type": "actions", "block_id": "b", "elements": [button]}]
    interaction = await live.ann.presses(message, "old")
    assert interaction.acknowledgement is None


async def test_the_menu_of_an_answer_names_the_message(live: Stage) -> None:
    message = await answered(live)
    interaction = await live.ann.chooses(message, "quipu:why")
    assert (await interaction.answer()).hidden_from_all_but is live.ann.user
    call = live.control.last
    assert (call.command, call.message_id) == (("why",), message.ts)
    assert call.place == live.inbox.accepted[0].place


async def test_the_menu_of_a_question_names_the_question(live: Stage) -> None:
    await answered(live)
    inbound = live.inbox.accepted[0]
    await live.ann.chooses(live.channel.messages[0], "quipu:regenerate")
    call = await called(live)
    assert (call.place, call.message_id) == (inbound.place, inbound.message_id)


async def test_the_menu_of_a_question_means_the_place_where_it_was_kept(live: Stage) -> None:
    await answered(live)
    inbound = live.inbox.accepted[0]
    live.control.kept[inbound.message_id] = inbound.place
    live.behaviours.everywhere = Behaviour(threads=False)
    await live.ann.chooses(live.channel.messages[0], "quipu:reset")
    assert (await called(live)).place == inbound.place


async def test_an_answer_without_words_shows_nothing(live: Stage) -> None:
    live.control.answers["why",] = Response("")
    message = await answered(live, WHY)
    await live.ann.presses(message, "Why?")
    assert (await called(live)).reply_id == 7
    assert live.ann.sees == []
