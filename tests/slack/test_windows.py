"""Windows: forms, the page of settings, and what is said when they are sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.slack import commands
from bot.control.commands import BY_PATH
from bot.control.declarations import Argument, Kind
from bot.control.response import Button, Call, Field, Form, Item, Page, Response
from bot.control.settings import ANSWERS, SAMPLING, SETTINGS
from bot.control.words import say
from bot.errors import Refused
from tests.loopback.slack import Interaction, View
from tests.slack.stage import Stage

PERSONA = BY_PATH["persona", "set"]
FORM = Form(
    PERSONA.path,
    "How should I be in this long-named place?",
    tuple(Field(argument, argument.name.title(), hint="a hint") for argument in PERSONA.arguments),
)
WHERE = BY_PATH["access", "allow"].arguments


def form(call: Call) -> Response:
    return Response("saved") if call.arguments else Response(form=FORM)


def setting(command: str, argument: Argument, value: str, **more: Any) -> Item:
    shown, origin = value or "0.6", "this channel" if more.get("own") else "the workspace"
    return Item((command,), argument, argument.name, value, shown, origin, **more)


def page() -> Page:
    when, bots = ANSWERS[0], ANSWERS[2]
    choices = (("inherit", "As outside"), *((choice, choice) for choice in when.choices))
    sampling = [setting("sampling", SAMPLING[0], "0.7", own=True)]
    sampling += [setting("sampling", argument, "") for argument in SAMPLING[1:]]
    answers = (
        setting("answers", when, "always", own=True, options=choices),
        setting("answers", bots, ""),
    )
    return Page("All settings", (("Sampling", tuple(sampling)), ("Answers", answers)))


async def opened(stage: Stage, text: str) -> Interaction:
    interaction = await stage.mia.runs_command("/quipu", text, stage.channel)
    await interaction.wait_modal()
    return interaction


def words(view: View | None) -> str:
    assert view is not None
    return "\n".join(str(block.get("text", {}).get("text")) for block in view.body["blocks"])


@pytest.fixture
def asking(live: Stage) -> Stage:
    live.control.answers[PERSONA.path] = form
    live.control.choices["preset"] = [("pirate", "Pirate"), ("monk", "Monk")]
    live.control.answers["settings",] = Response("The persona is the workspace's.", page=page())
    return live


async def test_a_form_is_a_window_with_a_field_for_every_argument(asking: Stage) -> None:
    interaction = await opened(asking, "persona set")
    view = await interaction.wait_modal()
    assert len(view.title) <= 24
    kinds = [block["element"]["type"] for block in view.inputs]
    assert kinds == ["plain_text_input", "static_select", "file_input"]


async def test_the_window_says_how_much_it_takes_where_a_file_may_hold_more(asking: Stage) -> None:
    view = await (await opened(asking, "persona set")).wait_modal()
    text, *others = view.inputs
    assert text["element"]["max_length"] == 3000
    assert (
        text["hint"]["text"]
        == "a hint 3000 characters at most here; a longer persona can come from a file."
    )
    assert all("at most here" not in str(other) for other in others)


async def test_a_sent_form_reaches_the_core_and_says_what_became_of_it(asking: Stage) -> None:
    interaction = await opened(asking, "persona set")
    sent = await asking.mia.submits_modal(interaction, {"Text": "You are a pirate."})
    assert words(sent.modal) == "saved"
    call = asking.control.last
    assert call.arguments["text"] == "You are a pirate."
    assert call.place.id == f"slack:{asking.workspace.id}/{asking.channel.id}"


async def test_a_file_that_is_chosen_in_a_form_is_read(asking: Stage) -> None:
    interaction = await opened(asking, "persona set")
    upload = asking.mia.uploads("persona.txt", "You are a monk.")
    file = {"id": upload.id, "name": upload.name, "url_private": upload.url, "size": 15}
    await asking.mia.submits_modal(interaction, {"File": [file]})
    assert asking.control.last.arguments["file"] == "You are a monk."


async def test_a_file_that_is_no_text_is_refused_at_its_field(asking: Stage) -> None:
    interaction = await opened(asking, "persona set")
    upload = asking.mia.uploads("persona.bin", b"\xff\x00")
    file = {"id": upload.id, "name": upload.name, "url_private": upload.url}
    sent = await asking.mia.submits_modal(interaction, {"File": [file]})
    assert sent.errors == {"file": say("slack.file_unread", most=100)}
    assert len(asking.control.calls) == 1


async def test_what_the_core_refuses_is_said_at_the_field(asking: Stage) -> None:
    def refusing(call: Call) -> Response:
        if call.arguments:
            raise Refused(notice="That is too long.")
        return Response(form=FORM)

    asking.control.answers[PERSONA.path] = refusing
    interaction = await opened(asking, "persona set")
    sent = await asking.mia.submits_modal(interaction, {"Text": "x"})
    assert list(sent.errors.values()) == ["That is too long."]


async def test_who_is_no_admin_any_more_when_the_window_is_sent_is_refused(asking: Stage) -> None:
    interaction = await opened(asking, "persona set")
    asking.mia.user.admin = False
    sent = await asking.mia.submits_modal(interaction, {"Text": "x"})
    assert list(sent.errors.values()) == [say("error.not_an_admin", command="persona set")]


async def test_a_member_gets_no_window(asking: Stage) -> None:
    interaction = await asking.ann.runs_command("/quipu", "persona set", asking.channel)
    assert "Only people who manage" in (await interaction.answer()).content
    assert asking.called("views.open") == []


async def test_a_window_that_came_too_late_is_offered_with_a_button(asking: Stage) -> None:
    asking.server.faults.fail("POST", "views.open", error="expired_trigger_id")
    interaction = await asking.mia.runs_command("/quipu", "persona set", asking.channel)
    answer = await interaction.answer()
    assert answer.content == say("slack.too_slow")
    again = await asking.mia.presses(answer, say("slack.open"))
    assert len((await again.wait_modal()).inputs) == 3


async def test_a_form_beside_an_answer_keeps_what_it_is_about(asking: Stage) -> None:
    rate = BY_PATH["rate",]
    reason = Field(rate.arguments[1], "Why?")
    about = Form(rate.path, "Thank you", (reason,), reply_id=7, arguments=(("score", "down"),))

    def rated(call: Call) -> Response:
        return Response("noted") if "reason" in call.arguments else Response(form=about)

    asking.control.answers[rate.path] = rated
    outlet = await asking.asked()
    button = Button(rate.path, "Bad", reply_id=7, arguments=(("score", "down"),), window=True)
    await outlet.create("hello", nonce="n1", buttons=(button,))
    interaction = await asking.ann.presses(asking.channel.from_bot[0], "Bad")
    await interaction.wait_modal()
    await asking.ann.submits_modal(interaction, {"Why?": "It was wrong."})
    call = asking.control.last
    assert (call.reply_id, dict(call.arguments)) == (
        7,
        {"score": "down", "reason": "It was wrong."},
    )
    assert call.place == asking.inbox.accepted[0].place


async def test_all_settings_are_in_one_window_with_where_they_come_from(asking: Stage) -> None:
    view = await (await opened(asking, "settings")).wait_modal()
    hints = [block["hint"]["text"] for block in view.inputs]
    assert len(hints) == len(SAMPLING) + 2
    assert hints[0] == "0.7 · this channel"
    assert hints[1] == "0.6 · the workspace"
    assert "The persona is the workspace's." in words(view)


async def test_what_is_changed_on_the_page_is_set_by_its_commands(asking: Stage) -> None:
    interaction = await opened(asking, "settings")
    changes = {"temperature": "", "seed": "42", "when": "inherit", "bots": "no"}
    sent = await asking.mia.submits_modal(interaction, changes)
    assert words(sent.modal) == "sampling\nanswers"
    calls = {call.command: dict(call.arguments) for call in asking.control.calls[1:]}
    assert calls == {
        ("sampling",): {"temperature": "", "seed": "42"},
        ("answers",): {"when": "inherit", "bots": "no"},
    }


async def test_a_page_that_was_not_changed_sets_nothing(asking: Stage) -> None:
    interaction = await opened(asking, "settings")
    sent = await asking.mia.submits_modal(interaction, {})
    assert words(sent.modal) == say("slack.done")
    assert len(asking.control.calls) == 1


async def test_a_refused_change_is_said_at_its_field(asking: Stage) -> None:
    asking.control.answers["answers",] = Refused(notice="Not here.")
    interaction = await opened(asking, "settings")
    sent = await asking.mia.submits_modal(interaction, {"bots": "yes"})
    assert sent.errors == {"answers:bots": "Not here."}


async def test_a_number_out_of_range_is_refused_even_if_the_client_sends_it(asking: Stage) -> None:
    interaction = await opened(asking, "settings")
    view = await interaction.wait_modal()
    del view.inputs[0]["element"]["max_value"]
    sent = await asking.mia.submits_modal(interaction, {"temperature": "9"})
    assert "0 to 5" in sent.errors["sampling:temperature"]
    assert len(asking.control.calls) == 1


async def test_what_takes_long_lets_the_window_say_so(
    asking: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    interaction = await opened(asking, "persona set")
    monkeypatch.setattr(commands, "PATIENCE", 0.01)
    asking.control.held = asyncio.Event()
    sent = await asking.mia.submits_modal(interaction, {"Text": "You are a pirate."})
    view = sent.modal
    assert words(view) == say("slack.at_it")
    asking.control.held.set()
    await asking.server.world.changes.until(lambda: words(view) == "saved", 10, lambda: words(view))
    assert len(asking.called("views.update")) == 1


async def test_the_settings_of_a_channel_can_be_had_from_everywhere(asking: Stage) -> None:
    interaction = await asking.mia.chooses_shortcut("quipu:settings")
    await interaction.wait_modal()
    sent = await asking.mia.submits_modal(interaction, {"channel": asking.channel.id})
    assert sent.modal is not None
    assert len(sent.modal.inputs) == len(SAMPLING) + 2
    assert asking.control.last.place.id == f"slack:{asking.workspace.id}/{asking.channel.id}"
    changed = await asking.mia.submits_modal(sent.modal, {"seed": "1"})
    assert changed.errors == {}
    assert asking.control.last.place.channel == asking.channel.id


async def test_a_button_in_a_window_changes_the_window(asking: Stage) -> None:
    def wiped(call: Call) -> Response:
        return Response("wiped") if call.confirmed else Response("Sure?", (sure,))

    sure = Button(PERSONA.path, "Yes", confirmed=True)
    asking.control.answers[PERSONA.path] = lambda call: (
        wiped(call) if call.arguments or call.confirmed else Response(form=FORM)
    )
    interaction = await opened(asking, "persona set")
    sent = await asking.mia.submits_modal(interaction, {"Text": "x"})
    assert sent.modal is not None
    await asking.mia.presses_in(sent.modal, "Yes")
    await asking.server.world.changes.until(
        lambda: words(sent.modal) == "wiped", 10, lambda: words(sent.modal)
    )
    assert asking.control.last.place.channel == asking.channel.id


async def test_what_is_changed_on_the_page_is_changed_for_whose_it_is(asking: Stage) -> None:
    seed = SETTINGS["seed"]
    items = (
        setting("sampling", seed, "7", own=True, where="thread"),
        setting("sampling", SAMPLING[0], "0.7", own=True),
    )
    asking.control.answers["settings",] = Response(page=Page("All", (("Sampling", items),)))
    asking.control.answers["sampling",] = Response("changed")
    interaction = await opened(asking, "settings")
    await asking.mia.submits_modal(interaction, {"seed": "8", "temperature": "0.8"})
    given = [call.arguments for call in asking.control.calls if call.command == ("sampling",)]
    assert given == [{"seed": "8", "where": "thread"}, {"temperature": "0.8"}]


async def test_every_setting_and_every_argument_has_a_field_that_slack_takes(live: Stage) -> None:
    items = tuple(
        Item(("sampling",), each, each.name, "", "–", "the configuration")
        for each in SETTINGS.values()
    )
    fields = tuple(Field(argument, argument.name) for argument in WHERE)
    live.control.answers["settings",] = Response(page=Page("All", (("All", items),)))
    live.control.answers["audit",] = Response(form=Form(("access", "allow"), "Whom?", fields))
    shown = await (await opened(live, "settings")).wait_modal()
    assert len(shown.inputs) == len(SETTINGS)
    whom = await (await opened(live, "audit")).wait_modal()
    kinds = [block["element"]["type"] for block in whom.inputs]
    assert kinds == ["users_select", "plain_text_input", "conversations_select", "static_select"]
    assert {argument.kind for argument in WHERE} >= {Kind.PERSON, Kind.ROLE, Kind.CHANNEL}
