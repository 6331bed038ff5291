"""What Slack vouches for decides, at that moment and once; what a payload says besides does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.windows import PAGE, WHERE, Memo, setting_block
from adapters.slack.workspaces import OneWorkspace
from bot.control.commands import COMMANDS
from bot.control.response import Field, Form, Response
from bot.control.words import say
from bot.errors import Refused
from bot.values import Standing
from tests.loopback.slack import SlackServer
from tests.loopback.slack.dispatch import INTERACTIVE
from tests.slack.stage import Stage, connected

PERSONA = next(command for command in COMMANDS if command.name == "persona set")
FORM = Form(PERSONA.path, "Persona", (Field(PERSONA.arguments[0], "Text"),))


def submission(stage: Stage, memo: object, **view: Any) -> dict[str, Any]:
    """A window of Ann's that was sent, as only somebody could who speaks for Slack."""
    state = {"values": {"text": {"value": {"type": "plain_text_input", "value": "Obey Ann."}}}}
    shown = {
        "id": "V1",
        "type": "modal",
        "callback_id": "quipu:form",
        "private_metadata": memo if isinstance(memo, str) else json.dumps(memo),
        "blocks": [],
        "state": state,
    }
    return {
        "type": "view_submission",
        "team": {"id": stage.workspace.id},
        "user": {"id": stage.ann.user.id, "team_id": stage.workspace.id},
        "trigger_id": f"{len(stage.server.dispatch.sent)}.forged",
        "view": shown | view,
    }


async def sent(stage: Stage, payload: dict[str, Any]) -> str:
    """What becomes of the window."""
    ack = await stage.server.dispatch.ask(INTERACTIVE, payload)
    return json.dumps(ack or {}, ensure_ascii=False)


SPOILT: tuple[object, ...] = (
    "",
    "{",
    "[" * 5000,
    "null",
    [],
    {},
    ["C1"],
    ["C1", "", ["persona", "set"], None, [1]],
    ["C1", "", 7, None, []],
    ["C1", "", ["persona", "set"], "7", []],
    ["C1", "", ["persona", "set"], True, []],
    ["C1", "", ["persona", "set"], -1, []],
    ["C1", "", ["persona", "set"], 10**30, []],
    ["C1/C2", "", ["persona", "set"], None, []],
    ["C1", "../1", ["persona", "set"], None, []],
    [["C1"], "", ["persona", "set"], None, []],
)


@pytest.mark.parametrize("memo", SPOILT, ids=range(len(SPOILT)))
async def test_a_window_that_is_not_ours_says_so_and_does_nothing(
    live: Stage, memo: object
) -> None:
    assert say("slack.unknown_button") in await sent(live, submission(live, memo))
    assert live.control.calls == []


async def test_a_window_that_names_another_teams_channel_stays_in_this_team(live: Stage) -> None:
    other = live.server.workspace("Puno").channel("secrets")
    await sent(live, submission(live, [other.id, "", PERSONA.path, None, []]))
    [call] = live.control.calls
    assert call.place.workspace == live.workspace.id
    assert call.author.standing is Standing.MEMBER


async def test_a_window_of_a_command_that_was_not_offered_is_authorised_like_any(
    live: Stage,
) -> None:
    for command in COMMANDS:
        memo = [live.channel.id, "", command.path, 7, []]
        await sent(live, submission(live, memo, state={"values": {}}))
    page = setting_block(("retention",), "retention")
    values = {page: {"value": {"type": "plain_text_input", "value": "1"}}}
    memo = [live.channel.id, "", ["settings"], None, []]
    await sent(live, submission(live, memo, callback_id=PAGE, state={"values": values}))
    assert live.control.last.command == ("retention",)
    assert {call.author.id for call in live.control.calls} == {live.ann.user.id}
    assert {call.author.standing for call in live.control.calls} == {Standing.MEMBER}


async def test_nobody_chooses_the_direct_messages_of_another_as_their_channel(live: Stage) -> None:
    values = {"channel": {"value": {"type": "conversations_select"}}}
    values["channel"]["value"]["selected_conversation"] = live.mia.dms.id
    memo = ["", "", ["settings"], None, []]
    forged = submission(live, memo, callback_id=WHERE, state={"values": values})
    assert say("slack.unknown_button") in await sent(live, forged)
    assert live.control.calls == []


async def test_a_window_that_is_sent_twice_counts_once(live: Stage) -> None:
    live.control.answers[PERSONA.path] = lambda call: (
        Response("saved") if call.arguments else Response(form=FORM)
    )
    opened = await live.mia.runs_command("/quipu", "persona set", live.channel)
    await live.mia.submits_modal(opened, {"Text": "You are a cook."})
    again = live.server.dispatch.sent[-1]
    before = len(live.control.calls)
    assert await sent(live, again) == "{}"
    assert len(live.control.calls) == before


async def test_a_command_that_comes_twice_counts_once(live: Stage) -> None:
    await live.mia.runs_command("/quipu", "persona clear", live.channel)
    await live.server.dispatch.ask("slash_commands", live.server.dispatch.sent[-1])
    assert [call.command for call in live.control.calls] == [("persona", "clear")]


async def test_an_admin_of_another_company_manages_nothing_in_a_shared_channel(
    live: Stage,
) -> None:
    guest = live.server.workspace("Elsewhere").member("Eve", admin=True)
    live.workspace.users[guest.user.id] = guest.user
    payload = {
        "command": "/quipu",
        "text": "persona clear",
        "team_id": live.workspace.id,
        "user_id": guest.user.id,
        "channel_id": live.channel.id,
        "trigger_id": "1.1",
    }
    ack = await live.server.dispatch.ask("slash_commands", payload)
    assert say("error.not_an_admin", command="persona clear") in str(ack)
    assert live.control.last.author.standing is Standing.MEMBER


async def test_an_organisations_token_serves_no_other_organisation(
    slack_server: SlackServer,
) -> None:
    ours = slack_server.workspace("Cuzco", enterprise_id="E0OURS", org_wide=True)
    async with connected(slack_server) as stage:
        one = OneWorkspace(stage.messenger._client)
        one.client.token = ours.bot_token
        await one.start()
        assert await one.find("E0OURS", "T0ANY") is not None
        assert await one.find("E0THEIRS", "T0ANY") is None


@given(st.text(max_size=30) | st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_no_memo_makes_reading_it_fail(memo: object) -> None:
    written = memo if isinstance(memo, str) else json.dumps(memo)
    with pytest.raises(Refused):
        Memo.read({"private_metadata": written})
    assert Memo.of({"private_metadata": written}) == Memo("")
