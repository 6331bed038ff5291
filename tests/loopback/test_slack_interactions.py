"""Commands, modals and buttons of the loopback Slack, answered by an unmodified Bolt app."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ContextActionsBlock,
    FeedbackButtonObject,
    FeedbackButtonsElement,
    InputBlock,
    PlainTextInputElement,
)
from slack_sdk.models.views import View as ModalView
from slack_sdk.web.async_client import AsyncWebClient

from tests.loopback.slack import InteractionFailedError, SlackServer
from tests.loopback.slack_client import Listener


def form() -> ModalView:
    field = InputBlock(
        block_id="persona",
        label="Persona",
        element=PlainTextInputElement(
            action_id="text", multiline=True, initial_value="before", max_length=100
        ),
    )
    return ModalView(
        type="modal", callback_id="persona", title="Persona", submit="Save", blocks=[field]
    )


class Desk(Listener):
    """A Bolt app with a command, a form and a button."""

    def prepare(self) -> Desk:
        self.app.command("/quipu")(self._command)
        self.app.view("persona")(self._submitted)
        self.app.action("again")(self._pressed)
        return self

    async def _command(
        self, ack: AsyncAck, command: dict[str, Any], client: AsyncWebClient, respond: AsyncRespond
    ) -> None:
        if command["text"] == "help":
            await ack("no such help")
            return
        if command["text"] == "silence":
            return
        await ack()
        if command["text"] == "edit":
            await client.views_open(trigger_id=command["trigger_id"], view=form())
        elif command["text"] == "whisper":
            await client.chat_postEphemeral(
                channel=command["channel_id"], user=command["user_id"], text="psst"
            )
        else:
            await respond(f"you said {command['text']}")

    async def _submitted(
        self, ack: AsyncAck, view: dict[str, Any], body: dict[str, Any], client: AsyncWebClient
    ) -> None:
        text = view["state"]["values"]["persona"]["text"]["value"]
        if text == "bad":
            await ack(response_action="errors", errors={"persona": "too bad"})
            return
        await ack()
        direct = await client.conversations_open(users=body["user"]["id"])
        await client.chat_postMessage(channel=direct["channel"]["id"], text=f"now: {text}")

    async def _pressed(self, ack: AsyncAck, respond: AsyncRespond, action: dict[str, Any]) -> None:
        await ack()
        await respond(f"pressed {action['value']}", replace_original=False)


async def test_a_command_is_answered_in_private(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    async with Desk(slack_server, workspace).prepare().connected():
        answers = [
            await (await ann.runs_command("/quipu", text, channel)).answer()
            for text in ("help", "hello", "whisper")
        ]
    assert [answer.content for answer in answers] == ["no such help", "you said hello", "psst"]
    assert all(answer.ephemeral for answer in answers)
    assert ann.sees == answers
    assert channel.messages == []


async def test_a_modal_makes_the_round_trip(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    async with Desk(slack_server, workspace).prepare().connected():
        begun = await ann.runs_command("/quipu", "edit", channel)
        view = await begun.wait_modal()
        refused = await ann.submits_modal(view, {"Persona": "bad"})
        assert refused.errors == {"persona": "too bad"}
        assert refused.modal is view
        taken = await ann.submits_modal(view, {"Persona": "good"})
        [answer] = await ann.dms.wait_for(lambda messages: messages)
    assert answer.content == "now: good"
    assert taken.modal is None
    assert not view.open


async def test_a_form_takes_only_what_the_client_would_send(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    async with Desk(slack_server, workspace).prepare().connected():
        begun = await ann.runs_command("/quipu", "edit", channel)
        for values in ({"Persona": ""}, {"Persona": "x" * 101}, {"Nothing": "x"}):
            with pytest.raises(InteractionFailedError):
                await ann.submits_modal(begun, values)
        await ann.submits_modal(begun, {})
        [answer] = await ann.dms.wait_for(lambda messages: messages)
    assert answer.content == "now: before"


async def test_a_button_in_a_message_is_pressed(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    desk = Desk(slack_server, workspace).prepare()
    button = ButtonElement(text="Again", action_id="again", value="7")
    opinions = FeedbackButtonsElement(
        action_id="again",
        positive_button=FeedbackButtonObject(text="Good", value="up"),
        negative_button=FeedbackButtonObject(text="Bad", value="down"),
    )
    async with desk.connected():
        for blocks in (
            [ActionsBlock(elements=[button])],
            [ContextActionsBlock(elements=[opinions])],
        ):
            await desk.client.chat_postMessage(channel=channel.id, text="?", blocks=blocks)
        plain, rated = channel.from_bot
        answers = []
        for message, *pressed in ((plain, "Again"), (rated, "again", "down")):
            press = await ann.presses(message, *pressed)
            answers.append((await press.answer()).content)
        with pytest.raises(InteractionFailedError, match="no button"):
            await ann.presses(plain, "Never")
    assert answers == ["pressed 7", "pressed down"]


async def test_an_unanswered_command_fails_in_time(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    slack_server.world.patience = 0.1
    async with Desk(slack_server, workspace).prepare().connected():
        with pytest.raises(InteractionFailedError, match="did not respond"):
            await ann.runs_command("/quipu", "silence", channel)
    assert ann.sees == []


async def test_triggers_grow_old_and_are_used_once(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    desk = Desk(slack_server, workspace).prepare()
    async with desk.connected():
        begun = await ann.runs_command("/quipu", "edit", channel)
        await begun.wait_modal()
        late = await ann.runs_command("/quipu", "help", channel)
        slack_server.clock.advance(4)
        answers = []
        for trigger in (begun.trigger, late.trigger, "1.x"):
            with pytest.raises(SlackApiError) as raised:
                await desk.client.views_open(trigger_id=trigger, view=form())
            answers.append(raised.value.response["error"])
    assert answers == ["exchanged_trigger_id", "expired_trigger_id", "invalid_trigger_id"]
