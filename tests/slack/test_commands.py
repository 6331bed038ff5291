"""The slash command, its window, and who may use them."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.slack.commands import HELP, NO_PERSONA, NOT_ALLOWED
from adapters.slack.modal import BLOCK, FIELD
from bot.errors import StorageError
from bot.values import Persona
from tests.loopback.slack import Person, SlackServer
from tests.slack.stage import Stage, connected

PIRATE = "You are a pirate."


async def said(stage: Stage, person: Person, text: str) -> str:
    interaction = await person.runs_command("/quipu", text, stage.channel)
    answer = await interaction.answer()
    assert answer.hidden_from_all_but is person.user
    return answer.content


def saved(stage: Stage) -> list[str]:
    return [persona.text for versions in stage.personas.saved.values() for persona in versions]


async def test_an_admin_sets_shows_and_clears_the_persona(live: Stage) -> None:
    assert "pirate" in await said(live, live.mia, f"persona set {PIRATE}")
    place = f"slack:{live.workspace.id}/{live.channel.id}"
    assert list(live.personas.saved) == [place]
    assert PIRATE in await said(live, live.ann, "persona show")
    assert "gone" in await said(live, live.mia, "persona clear")
    assert "You are Quipu." in await said(live, live.ann, "persona")


async def test_a_member_is_refused(live: Stage) -> None:
    assert await said(live, live.ann, f"persona set {PIRATE}") == NOT_ALLOWED
    assert await said(live, live.ann, "persona clear") == NOT_ALLOWED
    assert saved(live) == []


async def test_a_guest_who_is_listed_in_the_configuration_may(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace("Other")
    guest = workspace.member("Gus", guest=True)
    async with connected(slack_server, admins=[guest.user.id]) as stage:
        stage.ann.user.id = guest.user.id
        assert "Done" in await said(stage, stage.ann, f"persona set {PIRATE}")


async def test_a_slack_that_does_not_say_who_somebody_is_is_asked_again_later(live: Stage) -> None:
    live.server.faults.fail("POST", "users.info", status=500)
    assert "try again" in await said(live, live.mia, f"persona set {PIRATE}")
    assert saved(live) == []


async def test_in_private_everybody_manages_their_own(live: Stage) -> None:
    command = f"persona set {PIRATE}"
    interaction = await live.ann.runs_command("/quipu", command, live.ann.dms)
    assert "Done" in (await interaction.answer()).content


@pytest.mark.parametrize("text", ["", "help", "persona paint", "dance", "stop it", "PERSONA fly"])
async def test_a_wrong_word_is_answered_with_help(live: Stage, text: str) -> None:
    assert await said(live, live.ann, text) == HELP


async def test_without_text_a_window_opens_with_the_present_persona(live: Stage) -> None:
    interaction = await live.mia.runs_command("/quipu", "persona set", live.channel)
    await interaction.wait_modal()
    opened = live.called("views.open")[0]["view"]
    assert opened["blocks"][0]["element"]["initial_value"] == "You are Quipu."
    submitted = await live.mia.submits_modal(interaction, {FIELD: PIRATE})
    assert submitted.errors == {}
    assert saved(live) == [PIRATE]


async def test_a_member_gets_no_window(live: Stage) -> None:
    assert await said(live, live.ann, "persona set") == NOT_ALLOWED
    assert live.called("views.open") == []


async def test_who_is_no_admin_any_more_when_the_window_is_sent_is_refused(live: Stage) -> None:
    interaction = await live.mia.runs_command("/quipu", "persona set", live.channel)
    await interaction.wait_modal()
    live.mia.user.admin = False
    submitted = await live.mia.submits_modal(interaction, {FIELD: PIRATE})
    assert submitted.errors == {BLOCK: NOT_ALLOWED}
    assert saved(live) == []


async def test_a_persona_that_is_too_long_is_refused_in_the_window(live: Stage) -> None:
    live.personas.longest = 10
    interaction = await live.mia.runs_command("/quipu", "persona set", live.channel)
    await interaction.wait_modal()
    submitted = await live.mia.submits_modal(interaction, {FIELD: PIRATE})
    assert submitted.errors == {BLOCK: "That persona is too long for me."}


async def test_a_persona_too_long_for_the_window_is_not_put_into_it(live: Stage) -> None:
    live.personas.default = Persona("x" * 3001)
    interaction = await live.mia.runs_command("/quipu", "persona set", live.channel)
    await interaction.wait_modal()
    assert "initial_value" not in live.called("views.open")[0]["view"]["blocks"][0]["element"]


async def test_a_persona_is_shown_as_it_is_and_pings_nobody(live: Stage) -> None:
    text = "You <!channel> & <@U1>."
    await said(live, live.mia, f"persona set {text}")
    interaction = await live.ann.runs_command("/quipu", "persona show", live.channel)
    answer = await interaction.answer()
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in answer.content
    assert "channel" not in answer.pings


async def test_no_persona_is_said_so(live: Stage) -> None:
    live.personas.default = Persona("")
    assert await said(live, live.ann, "persona show") == NO_PERSONA


async def test_stop_stops_the_answer_in_the_thread_it_was_asked_in(live: Stage) -> None:
    await live.asked()
    await said(live, live.ann, "stop")
    place = live.inbox.accepted[0].place
    assert live.inbox.stopped == [(place.id, live.ann.user.id)]


async def test_a_failure_is_explained_to_the_person(live: Stage) -> None:
    live.personas.failure = StorageError("disk full")
    assert await said(live, live.ann, "persona show") == StorageError.notice


async def test_a_window_that_does_not_open_is_explained(live: Stage) -> None:
    live.server.faults.fail("POST", "views.open", error="expired_trigger_id")
    assert "try again" in await said(live, live.mia, "persona set")


async def test_a_button_nobody_knows_is_acknowledged(live: Stage) -> None:
    outlet = await live.asked()
    await outlet.create("hello", nonce="n1")
    message = live.channel.from_bot[0]
    button: dict[str, Any] = {
        "type": "button",
        "action_id": "old",
        "text": {"type": "plain_text", "text": "Old"},
    }
    message.blocks = [{"type": "actions", "block_id": "b", "elements": [button]}]
    interaction = await live.ann.presses(message, "old")
    assert interaction.acknowledgement is None
