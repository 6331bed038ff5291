"""The slash command: how it reaches the core, and how the answer is shown."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapters.slack import commands
from adapters.slack.blocks import LONGEST_MARKDOWN
from adapters.slack.places import channel_place
from bot.control.records import Behaviour
from bot.control.response import Button, File, Response
from bot.control.words import say
from bot.errors import Refused, StorageError
from bot.values import Standing
from tests.loopback.slack import Channel, Message, Person, SlackServer
from tests.slack.stage import Stage, connected

NOT_ALLOWED = say("error.not_an_admin", command="audit")


async def said(stage: Stage, person: Person, text: str, channel: Channel | None = None) -> Message:
    interaction = await person.runs_command("/quipu", text, channel or stage.channel)
    answer = await interaction.answer()
    assert answer.hidden_from_all_but is person.user
    return answer


async def test_a_command_reaches_the_core_with_place_person_and_language(live: Stage) -> None:
    eva = live.workspace.member("Eva", locale="de-DE")
    assert (await said(live, eva, "persona show")).content == "persona show"
    call = live.control.last
    assert call.command == ("persona", "show")
    assert call.place.id == f"slack:{live.workspace.id}/{live.channel.id}"
    assert (call.author.name, call.locale, call.prefix) == ("Eva", "de-DE", "/quipu ")


async def test_who_manages_the_workspace_is_asked_anew_for_every_admins_command(
    live: Stage,
) -> None:
    assert (await said(live, live.ann, "audit")).content == NOT_ALLOWED
    assert (await said(live, live.mia, "audit")).content == "audit"
    assert live.control.last.author.standing is Standing.OWNER
    live.mia.user.admin = False
    assert (await said(live, live.mia, "audit")).content == NOT_ALLOWED


async def test_a_guest_who_is_listed_in_the_configuration_manages_channels(
    slack_server: SlackServer,
) -> None:
    guest = slack_server.workspace("Other").member("Gus", guest=True)
    async with connected(slack_server, admins=[guest.user.id]) as stage:
        stage.ann.user.id = guest.user.id
        stage.workspace.users[guest.user.id] = stage.ann.user
        assert (await said(stage, stage.ann, "audit")).content == "audit"
        assert stage.control.last.author.standing is Standing.ADMIN


async def test_in_private_everybody_manages_their_own(live: Stage) -> None:
    assert (await said(live, live.ann, "audit", live.ann.dms)).content == "audit"
    assert live.control.last.author.standing is Standing.ADMIN
    assert live.control.last.place.private


async def test_a_slack_that_does_not_say_who_somebody_is_is_asked_again_later(live: Stage) -> None:
    live.server.faults.fail("POST", "users.info", status=500)
    assert "try again" in (await said(live, live.mia, "audit")).content
    assert live.control.calls == []


async def test_what_everybody_may_needs_no_word_of_slacks(live: Stage) -> None:
    live.server.faults.fail("POST", "users.info", status=500)
    assert (await said(live, live.mia, "help")).content == "help"


async def test_a_wrong_word_is_answered_with_the_cores_help(live: Stage) -> None:
    await said(live, live.ann, "dance")
    assert live.control.last.command == ("help",)
    assert dict(live.control.last.arguments) == {"command": "dance"}


async def test_a_wrong_argument_says_what_would_be_right(live: Stage) -> None:
    answer = await said(live, live.mia, "sampling temperature=hot")
    assert "0 to 5" in answer.content
    answer = await said(live, live.mia, "access allow person=ann")
    assert "written with @" in answer.content


async def test_a_command_about_an_answer_is_about_the_persons_newest_question(live: Stage) -> None:
    await live.asked("first")
    await live.asked("second")
    await live.mia.mentions(live.channel, "somebody else's")
    await live.heard(3)
    await said(live, live.ann, "why")
    second = next(inbound for inbound in live.inbox.accepted if inbound.text == "second")
    assert live.control.last.place == second.place


async def test_what_was_asked_before_the_start_is_known_from_the_store(live: Stage) -> None:
    thread = replace(channel_place(live.workspace.id, live.channel.id), thread="1700000000.000100")
    live.control.newest[live.ann.user.id] = thread
    for command in ("undo", "reset", "why", "regenerate", "stop"):
        await said(live, live.ann, command)
        assert live.control.last.place == thread
    await live.asked("a newer one")
    await said(live, live.ann, "reset")
    assert live.control.last.place == live.inbox.accepted[-1].place


async def test_who_asked_nothing_is_told_where_conversations_are(live: Stage) -> None:
    for command, entry in (("undo", "Undo"), ("reset", "New conversation")):
        assert f"**{entry}**" in (await said(live, live.mia, command)).content
    assert live.control.calls == []
    await said(live, live.mia, "why")
    await said(live, live.mia, "reset", live.mia.dms)
    live.behaviours.everywhere = Behaviour(threads=False)
    await said(live, live.mia, "reset")
    channel = channel_place(live.workspace.id, live.channel.id)
    direct = channel_place(live.workspace.id, live.mia.dms.id)
    assert [call.place for call in live.control.calls] == [channel, direct, channel]


async def test_stop_tries_the_conversations_until_one_is_being_answered(live: Stage) -> None:
    await live.asked("first")
    await live.asked("second")
    first = live.inbox.accepted[0].place

    def stop(call: object) -> Response:
        if live.control.last.place != first:
            raise Refused(notice="nothing here")
        return Response("stopped")

    live.control.answers["stop",] = stop
    assert (await said(live, live.ann, "stop")).content == "stopped"
    live.control.answers["stop",] = Refused(notice="nothing here")
    assert (await said(live, live.ann, "stop")).content == "nothing here"


async def test_a_failure_is_explained_to_the_person(live: Stage) -> None:
    live.control.answers["usage",] = StorageError("disk full")
    assert (await said(live, live.ann, "usage")).content == StorageError.notice


async def test_what_nobody_thought_of_is_explained_too(live: Stage) -> None:
    def fail(call: object) -> Response:
        raise ZeroDivisionError(repr(call))

    live.control.answers["usage",] = fail
    assert "wrong on my side" in (await said(live, live.ann, "usage")).content


async def test_what_takes_longer_than_slack_waits_is_answered_later(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "PATIENCE", 0.01)
    live.control.held = asyncio.Event()
    interaction = await live.ann.runs_command("/quipu", "usage", live.channel)
    assert interaction.acknowledgement is None
    assert interaction.answers == []
    live.control.held.set()
    answer = await interaction.answer()
    assert (answer.content, answer.hidden_from_all_but) == ("usage", live.ann.user)


async def test_a_long_answer_comes_in_several_messages_and_pings_nobody(live: Stage) -> None:
    text = "\n".join(["<!channel> <@U1> & so on"] * 1000)
    live.control.answers["audit",] = Response(text)
    interaction = await live.mia.runs_command("/quipu", "audit", live.channel)
    await live.server.world.changes.until(
        lambda: len(interaction.answers) == 3, 10, lambda: repr(interaction.answers)
    )
    assert all(len(answer.content) <= LONGEST_MARKDOWN for answer in interaction.answers)
    assert not any(answer.pings for answer in interaction.answers)


async def test_more_buttons_than_a_row_holds_are_shown_in_rows(live: Stage) -> None:
    buttons = tuple(
        Button(("persona", "restore"), f"Version {number}", arguments=(("version", str(number)),))
        for number in range(1, 31)
    )
    live.control.answers["persona", "history"] = Response("versions", buttons)
    answer = await said(live, live.mia, "persona history")
    rows = [block for block in answer.blocks if block["type"] == "actions"]
    assert [len(row["elements"]) for row in rows] == [25, 5]
    await live.mia.presses(answer, "Version 30")
    await live.server.world.changes.until(lambda: len(live.control.calls) == 2, 5, lambda: "")
    assert dict(live.control.last.arguments) == {"version": "30"}


async def test_a_file_comes_in_the_persons_direct_messages(live: Stage) -> None:
    live.control.answers["privacy", "export"] = Response("Here.", file=File("you.json", b"{}"))
    answer = await said(live, live.ann, "privacy export")
    assert answer.content.startswith("Here.")
    assert "you.json" in answer.content
    [sent] = live.ann.dms.from_bot
    assert [(file.name, file.content) for file in sent.files] == [("you.json", b"{}")]


@pytest.mark.parametrize(
    ("content", "expected"), [(b'{"a": 1}', '```json\n{"a": 1}\n```'), (b"x" * 9999, "too long")]
)
async def test_where_files_may_not_be_sent_a_short_one_is_a_snippet(
    live: Stage, content: bytes, expected: str
) -> None:
    live.workspace.scopes.discard("files:write")
    live.control.answers["privacy", "export"] = Response(file=File("you.json", content))
    assert expected in (await said(live, live.ann, "privacy export")).content
    assert live.ann.dms.from_bot == []
