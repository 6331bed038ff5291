"""Slash commands, menus and forms, as people use them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapters.discord import exchange
from bot.control.declarations import Argument, Kind
from bot.control.response import Button, Call, Field, File, Form, Response
from bot.errors import Forbidden, QuipuError, StorageError
from bot.values import Standing
from tests.discord.stage import Stage
from tests.loopback.changes import PATIENCE

PERSONA = ("persona", "set")


async def asked(live: Stage, command: str = "usage") -> str:
    interaction = await live.ann.runs_command(command, live.channel)
    return (await interaction.answer()).content


async def test_a_command_reaches_the_core_with_its_place_author_and_language(live: Stage) -> None:
    live.ann.locale = "de"
    options = {"temperature": 0.5, "top_k": 7}
    interaction = await live.ann.runs_command("sampling", live.channel, options)
    answer = await interaction.answer()
    assert answer.ephemeral
    assert answer.content == "sampling: done"
    [call] = live.desk.calls
    assert call.command == ("sampling",)
    assert call.place == live.place()
    assert call.author.id == str(live.ann.user.id)
    assert call.author.name == "Ann"
    assert call.locale == "de"
    assert call.arguments == {"temperature": 0.5, "top_k": 7}


async def test_a_command_of_a_group_has_a_path_of_two_words(live: Stage) -> None:
    assert await asked(live, "privacy show") == "privacy show: done"
    assert live.desk.calls[0].command == ("privacy", "show")


async def test_people_roles_and_channels_are_given_by_their_ids(live: Stage) -> None:
    given = {
        "person": str(live.mia.user.id),
        "role": str(live.guild.roles[0].id),
        "channel": str(live.channel.id),
    }
    await live.mia.runs_command("access allow", live.channel, given)
    assert live.desk.calls[0].arguments == given


async def test_who_manages_what_is_asked_of_discord_at_that_moment(live: Stage) -> None:
    boss = live.guild.member("Boss", manage_guild=True)
    thread = live.channel.thread("red string")
    for person in (live.ann, live.mia, boss, live.rob):
        await person.runs_command("usage", thread)
    live.channel.deny(live.mia.user, "manage_channels")
    await live.mia.runs_command("usage", live.channel)
    await live.ann.runs_command("usage", live.ann.dms)
    standings = [call.author.standing for call in live.desk.calls]
    assert standings == [
        Standing.MEMBER,
        Standing.ADMIN,
        Standing.OWNER,
        Standing.ADMIN,
        Standing.MEMBER,
        Standing.ADMIN,
    ]
    assert live.desk.calls[0].place == live.place(thread)
    assert live.desk.calls[-1].place.private
    role = next(role for role in live.guild.roles if role.name == "keepers")
    assert str(role.id) in live.desk.calls[3].author.roles


async def test_a_long_answer_comes_in_pieces_with_everything_in_order(live: Stage) -> None:
    lines = [f"line {number}: {'x' * 60}" for number in range(120)]
    again = Button(("usage",), "Again")
    live.desk.answers["audit",] = Response("\n".join(lines), (again,))
    interaction = await live.mia.runs_command("audit", live.channel)
    first = await interaction.answer()
    more = interaction.followups
    await live.server.world.changes.until(lambda: len(more) == 2, 10, lambda: "too few")
    parts = [first, *interaction.followups]
    assert "\n".join(part.embeds[0]["description"] for part in parts) == "\n".join(lines)
    assert all(part.ephemeral and not part.pings for part in parts)
    assert not first.components
    assert parts[-1].components


async def test_a_file_is_sent_to_the_person_alone(live: Stage) -> None:
    live.desk.answers["privacy", "export"] = Response("Here.", file=File("me.json", b"{}"))
    interaction = await live.ann.runs_command("privacy export", live.channel)
    answer = await interaction.answer()
    assert answer.ephemeral
    [file] = answer.attachments
    assert (file.name, file.content) == ("me.json", b"{}")


async def test_what_says_nothing_is_confirmed(live: Stage) -> None:
    live.desk.answers["usage",] = Response()
    assert await asked(live) == "Done."


async def test_a_refusal_is_told_to_the_person_in_its_own_words(live: Stage) -> None:
    live.desk.failure = Forbidden("no", notice="Only Mia may do that.")
    interaction = await live.ann.runs_command("usage", live.channel)
    answer = await interaction.answer()
    assert answer.content == "Only Mia may do that."
    assert answer.ephemeral


@pytest.mark.parametrize(
    "failure", [StorageError("disk full"), ZeroDivisionError("?"), TimeoutError()]
)
async def test_a_failure_is_answered_in_words_for_people(live: Stage, failure: Exception) -> None:
    live.desk.failure = failure
    known = failure if isinstance(failure, QuipuError) else QuipuError()
    assert await asked(live) == known.notice


async def test_what_takes_long_is_acknowledged_and_then_answered(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.01)
    go = asyncio.Event()

    async def slow(_: Call) -> Response:
        await go.wait()
        return Response("At last.", file=File("it.txt", b"it"))

    live.desk.answers["usage",] = slow
    interaction = await live.ann.runs_command("usage", live.channel)
    assert interaction.response is not None
    assert interaction.response.ephemeral
    go.set()
    answer = await interaction.answer()
    assert answer.content == "At last."
    assert answer.ephemeral
    assert [file.content for file in answer.attachments] == [b"it"]


async def test_what_discord_did_not_acknowledge_is_done_and_told_all_the_same(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.01)
    refused = live.server.faults.fail("POST", r"/callback$", status=403)

    async def slow(_: Call) -> Response:
        await refused.reached()
        return Response("All gone.")

    live.desk.answers["usage",] = slow
    assert await asked(live) == "All gone."


async def test_what_was_asked_for_before_the_bot_stops_is_done_and_told(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.01)
    go = asyncio.Event()

    async def slow(_: Call) -> Response:
        await go.wait()
        return Response("All gone.")

    live.desk.answers["privacy", "delete"] = slow
    interaction = await live.ann.runs_command("privacy delete", live.channel)
    closing = asyncio.create_task(live.messenger.close())
    go.set()
    await closing
    assert (await interaction.answer()).content == "All gone."


async def test_a_command_that_is_no_more_is_answered(live: Stage) -> None:
    command = next(c for c in live.server.world.commands[0] if c["name"] == "usage")
    live.server.world.commands[0] = [{**command, "name": "soul"}]
    assert "do not know that command" in await asked(live, "soul")


async def test_a_menu_names_the_message_that_it_was_used_on(live: Stage) -> None:
    outlet = await live.asked()
    await outlet.create("A knotted cord.", nonce="n1")
    [said] = live.channel.from_bot
    interaction = await live.ann.uses_menu(said, "Why this answer")
    assert (await interaction.answer()).content == "why: done"
    [call] = live.desk.calls
    assert (call.command, call.message_id, call.reply_id) == (("why",), str(said.id), None)


async def test_a_menu_on_a_question_means_the_thread_that_was_opened_for_it(live: Stage) -> None:
    question = await live.ann.mentions(live.channel, "what is a quipu?")
    thread = replace(live.place(), thread=str(question.id))
    await (await live.ann.uses_menu(question, "Why this answer")).answer()
    live.desk.kept[str(question.id)] = thread
    await (await live.ann.uses_menu(question, "Why this answer")).answer()
    assert [call.place for call in live.desk.calls] == [live.place(), thread]


# Forms


def persona_form(value: str = "") -> Response:
    argument = Argument("text", Kind.LONG_TEXT, least=1, most=4000)
    label = "How should I be here?"
    return Response(form=Form(PERSONA, "Persona", (Field(argument, label, value, "Kind"),)))


async def form_or_text(call: Call) -> Response:
    text = call.arguments.get("text")
    return Response(f"saved {len(str(text))}") if text else persona_form("You are Quipu.")


async def test_a_form_begins_with_what_there_is_and_sends_what_is_written(live: Stage) -> None:
    live.desk.answers[PERSONA] = form_or_text
    opened = await live.mia.runs_command("persona set", live.channel)
    assert opened.modal is not None
    assert "You are Quipu." in str(opened.modal)
    live.channel.deny(live.mia.user, "manage_channels")
    long = "\n".join(["Be kind."] * 300)
    submitted = await live.mia.submits_modal(opened, {"How should I be here?": long})
    answer = await submitted.answer()
    assert answer.ephemeral
    assert answer.content == f"saved {len(long)}"
    call = live.desk.calls[-1]
    assert call.arguments == {"text": long}
    assert call.author.standing is Standing.MEMBER


async def test_a_form_that_comes_too_late_is_opened_by_a_button(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.01)
    go = asyncio.Event()

    async def slow(call: Call) -> Response:
        await go.wait()
        return await form_or_text(call)

    live.desk.answers[PERSONA] = slow
    late = await live.mia.runs_command("persona set", live.channel)
    go.set()
    answer = await late.answer()
    monkeypatch.setattr(exchange, "PATIENCE", PATIENCE)
    opened = await live.mia.presses(answer, "Open the form")
    assert opened.modal is not None
    submitted = await live.mia.submits_modal(opened, {"text": "Be brief."})
    assert (await submitted.answer()).content == "saved 9"


async def test_a_form_that_is_answered_by_a_form_is_opened_by_a_button(live: Stage) -> None:
    live.desk.answers[PERSONA] = persona_form()
    opened = await live.mia.runs_command("persona set", live.channel)
    submitted = await live.mia.submits_modal(opened, {"text": "No good."})
    again = await live.mia.presses(await submitted.answer(), "Open the form")
    assert again.modal is not None


def sampling_fields(count: int) -> tuple[Field, ...]:
    return tuple(
        Field(Argument(f"f{number}", Kind.NUMBER), f"Field {number}", str(number))
        for number in range(count)
    )


async def test_a_form_of_many_fields_goes_on_in_a_second_window(live: Stage) -> None:
    async def sampling(call: Call) -> Response:
        if {name for name in call.arguments if name != "where"}:
            return Response("changed: " + " ".join(sorted(call.arguments)))
        form = Form(("sampling",), "Sampling", sampling_fields(7), None, (("where", "channel"),))
        return Response(form=form)

    live.desk.answers["sampling",] = sampling
    opened = await live.mia.runs_command("sampling", live.channel)
    submitted = await live.mia.submits_modal(opened, {"Field 0": "9"})
    answer = await submitted.answer()
    assert answer.content == "changed: f0 f1 f2 f3 f4 where"
    second = await live.mia.presses(answer, "More…")
    last = await live.mia.submits_modal(second, {"Field 6": "1"})
    done = await last.answer()
    assert done.content == "changed: f5 f6 where"
    assert not done.components


async def test_a_choice_in_a_form_is_chosen_and_may_be_left_open(live: Stage) -> None:
    fields = (
        Field(Argument("when", Kind.CHOICE, choices=("always", "never")), "When", "never"),
        Field(Argument("threads", Kind.SWITCH), "Threads"),
        Field(Argument("file", Kind.FILE), "File"),
    )
    live.desk.answers["answers",] = Response(form=Form(("answers",), "Answers", fields))
    opened = await live.mia.runs_command("answers", live.channel)
    live.desk.answers["answers",] = Response("ok")
    await (await live.mia.submits_modal(opened, {"When": "always"})).answer()
    assert live.desk.calls[-1].arguments == {"when": "always", "threads": ""}


# Files and suggestions


async def test_a_file_is_read_into_its_argument(live: Stage) -> None:
    file = live.mia.file(live.channel, "persona.txt", "Sé amable.".encode())
    await live.mia.runs_command("persona set", live.channel, {"file": str(file.id)})
    assert live.desk.calls[0].arguments == {"file": "Sé amable."}


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xfe\x00", "is not one"), (b"x" * 100_001, "too large"), (b"a\0b", "is not one")],
)
async def test_a_file_that_cannot_be_read_is_declined(
    live: Stage, content: bytes, words: str
) -> None:
    file = live.mia.file(live.channel, "persona.txt", content)
    used = await live.mia.runs_command("persona set", live.channel, {"file": str(file.id)})
    assert words in (await used.answer()).content
    assert not live.desk.calls


async def test_values_are_offered_while_typing(live: Stage) -> None:
    live.desk.values = [("7b", "Llama 2, 7B"), ("x" * 101, "too long for Discord")]
    offered = await live.mia.types_option("model", live.channel, {"model": "7"}, "model")
    assert [(one["name"], one["value"]) for one in offered] == [("Llama 2, 7B", "7b")]
    [(call, argument, typed)] = live.desk.typed
    assert (call.command, call.author.id) == (("model",), str(live.mia.user.id))
    assert (argument, typed) == ("model", "7")


async def test_numbers_are_offered_as_numbers(live: Stage) -> None:
    live.desk.values = [("3", "Version 3")]
    given = {"version": 1}
    offered = await live.mia.types_option("persona restore", live.channel, given, "version")
    assert [one["value"] for one in offered] == [3]


async def test_nothing_is_offered_when_the_core_fails(live: Stage) -> None:
    live.desk.failure = StorageError("disk full")
    assert await live.mia.types_option("model", live.channel, {"model": ""}, "model") == []
