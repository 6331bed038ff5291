"""Buttons beside answers: shown, changed, pressed, and pressed again after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.discord import exchange
from adapters.discord.components import buttons_of, view_of
from bot.control.commands import COMMANDS
from bot.control.declarations import Argument, Kind
from bot.control.response import Button, Call, Field, Form, Response
from bot.errors import Forbidden
from tests.discord.desk import Desk
from tests.discord.stage import Stage, messenger_for
from tests.loopback.discord import DiscordServer, Message
from tests.memory import MemoryInbox

STOP = Button(("stop",), "Stop", "⏹", reply_id=7)
AGAIN = Button(("regenerate",), "Regenerate", reply_id=7)
GOOD = Button(("rate",), "", "👍", reply_id=7, arguments=(("score", "up"),))


def labels(message: Message) -> list[str]:
    return [
        button.get("label") or button["emoji"]["name"]
        for row in message.components
        for button in row["components"]
    ]


async def said(live: Stage, *buttons: Button) -> Message:
    """An answer of the bot with these buttons."""
    await (await live.asked()).create("A knotted cord.", nonce="n1", buttons=buttons)
    return live.channel.from_bot[-1]


async def test_buttons_change_with_the_edits_that_are_made_anyway(stage: Stage) -> None:
    outlet = await stage.asked()
    message_id = await outlet.create("A", nonce="n1", final=False, buttons=(STOP,))
    [answer] = stage.channel.from_bot
    assert labels(answer) == ["Stop"]
    before = len(stage.server.requests)
    await outlet.edit(message_id, "A knotted", final=False, buttons=(STOP,))
    await outlet.edit(message_id, "A knotted cord", final=False, buttons=(STOP,))
    assert labels(answer) == ["Stop"]
    await outlet.edit(message_id, "A knotted cord.", buttons=(AGAIN, GOOD))
    assert labels(answer) == ["Regenerate", "👍"]
    await outlet.edit(message_id, "A knotted cord.")
    assert answer.components == []
    assert len(stage.server.requests) == before + 4


async def test_an_edit_that_leaves_the_buttons_says_nothing_of_them(stage: Stage) -> None:
    outlet = await stage.asked()
    message_id = await outlet.create("A", nonce="n1", buttons=(STOP,))
    for text in ("B", "C"):
        await outlet.edit(message_id, text, buttons=(STOP,))
    first, second = [one for one in stage.server.requests if one.method == "PATCH"]
    assert "components" in first.body
    assert "components" not in second.body


async def test_what_does_not_fit_is_left_out(stage: Stage) -> None:
    many = [Button(("rate",), str(number), reply_id=number) for number in range(30)]
    long = Button(("rate",), "too long", arguments=(("reason", "x" * 100),))
    items = buttons_of([long, *many])
    assert len(items) == 25
    view = view_of(items)
    assert view is not None
    assert view.is_finished()
    assert not stage.channel.from_bot


async def test_a_press_uses_the_command_for_whoever_pressed(live: Stage) -> None:
    answer = await said(live, AGAIN, GOOD)
    interaction = await live.mia.presses(answer, GOOD.id)
    shown = await live.server.world.changes.until(
        lambda: interaction.response, 10, lambda: repr(interaction)
    )
    assert shown.ephemeral
    assert answer.content == "A knotted cord."
    [call] = live.desk.calls
    assert call.command == ("rate",)
    assert (call.reply_id, call.arguments) == (7, {"score": "up"})
    assert call.author.id == str(live.mia.user.id)
    assert call.place == live.place()
    assert not call.confirmed


async def test_a_press_that_says_nothing_shows_nothing(live: Stage) -> None:
    live.desk.answers["stop",] = Response()
    answer = await said(live, STOP)
    interaction = await live.ann.presses(answer, "Stop")
    assert interaction.acknowledged == 6
    assert len(live.channel.from_bot) == 1


async def test_who_may_not_press_is_told_alone(live: Stage) -> None:
    live.desk.failure = Forbidden("no", notice="Only who asked can do that.")
    answer = await said(live, AGAIN)
    interaction = await live.mia.presses(answer, "Regenerate")
    assert interaction.response is not None
    assert interaction.response.content == "Only who asked can do that."
    assert interaction.response.ephemeral
    assert labels(answer) == ["Regenerate"]


async def test_a_slow_press_is_acknowledged_and_then_answered(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.01)
    go = asyncio.Event()

    async def slow(_: Call) -> Response:
        await go.wait()
        return Response("It is because.")

    live.desk.answers["why",] = slow
    answer = await said(live, Button(("why",), "Why?", reply_id=7))
    interaction = await live.ann.presses(answer, "Why?")
    go.set()
    await live.server.world.changes.until(lambda: interaction.followups, 10, lambda: "nothing")
    [told] = interaction.followups
    assert told.content == "It is because."
    assert told.ephemeral
    assert answer.content == "A knotted cord."


async def test_a_question_is_confirmed_in_its_own_message(live: Stage) -> None:
    async def delete(call: Call) -> Response:
        if call.confirmed:
            return Response("All gone.")
        yes = Button(call.command, "Delete", confirmed=True, danger=True)
        return Response("Really?", (yes, Button(("cancel",), "Cancel")))

    live.desk.answers["privacy", "delete"] = delete
    used = await live.ann.runs_command("privacy delete", live.channel)
    question = await used.answer()
    assert labels(question) == ["Delete", "Cancel"]
    assert question.components[0]["components"][0]["style"] == 4
    await live.ann.presses(question, "Delete")
    assert question.content == "All gone."
    assert question.components == []


async def test_a_button_opens_a_window_and_sends_it_with_what_it_knows(live: Stage) -> None:
    async def rate(call: Call) -> Response:
        if "reason" in call.arguments:
            return Response("Thank you.")
        command = next(one for one in COMMANDS if one.path == ("rate",))
        field = Field(command.arguments[1], "Why?")
        return Response(form=Form(("rate",), "Reason", (field,), 7, (("score", "down"),)))

    live.desk.answers["rate",] = rate
    bad = Button(("rate",), "Bad", reply_id=7, arguments=(("score", "down"),), window=True)
    answer = await said(live, bad)
    opened = await live.ann.presses(answer, "Bad")
    submitted = await live.ann.submits_modal(opened, {"Why?": "It is not a cord."})
    told = await submitted.answer()
    assert told.content == "Thank you."
    assert told.ephemeral
    call = live.desk.calls[-1]
    assert call.reply_id == 7
    assert call.arguments == {"score": "down", "reason": "It is not a cord."}


async def test_a_button_of_another_make_is_answered(live: Stage) -> None:
    answer = await said(live, AGAIN)
    answer.components[0]["components"][0]["custom_id"] = "persona:old"
    interaction = await live.ann.presses(answer, "Regenerate")
    assert interaction.response is not None
    assert "does not work any more" in interaction.response.content
    assert not live.desk.calls


@asynccontextmanager
async def restarted(server: DiscordServer, desk: Desk) -> AsyncIterator[None]:
    """Another process of the same bot."""
    messenger = messenger_for(server, MemoryInbox(), desk)
    await messenger.start()
    running = asyncio.create_task(messenger.run())
    await server.gateway.wait_connected()
    try:
        yield
    finally:
        await messenger.close()
        await running


async def test_buttons_and_forms_work_after_a_restart(live: Stage) -> None:
    answer = await said(live, AGAIN)
    argument = Argument("text", Kind.LONG_TEXT)
    form = Form(("persona", "set"), "Persona", (Field(argument, "Text"),))
    live.desk.answers["persona", "set"] = Response(form=form)
    opened = await live.mia.runs_command("persona set", live.channel)
    await live.messenger.close()
    desk = Desk()
    async with restarted(live.server, desk):
        await live.ann.presses(answer, "Regenerate")
        await live.mia.submits_modal(opened, {"Text": "Be kind."})
    assert [call.command for call in desk.calls] == [("regenerate",), ("persona", "set")]
    assert desk.calls[0].reply_id == 7
    assert desk.calls[1].arguments == {"text": "Be kind."}
