"""Commands are checked, authorised and asked about before anything happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.control.commands import BY_PATH, COMMANDS
from bot.control.declarations import Command, Kind, Level, Target
from bot.control.response import Call, Given, pressed
from bot.control.words import catalogue
from bot.errors import Forbidden, Refused
from bot.values import Author, Standing
from tests.control.conftest import (
    ANN,
    BOB,
    CHANNEL,
    CHIEF,
    DIRECT,
    OTHER,
    OWNER,
    ROBOT,
    THREAD,
    Desk,
)

SOMETHING: dict[Kind, Given] = {
    Kind.TEXT: "words",
    Kind.LONG_TEXT: "words",
    Kind.INTEGER: 1,
    Kind.NUMBER: 1.0,
    Kind.SWITCH: True,
    Kind.PERSON: "7",
    Kind.ROLE: "5",
    Kind.CHANNEL: "2",
    Kind.FILE: "words",
}


def arguments_of(command: Command) -> dict[str, Given]:
    """Something right for what is needed, and for the first of what is not."""
    found: dict[str, Given] = {}
    for number, argument in enumerate(command.arguments):
        if argument.required or (number == 0 and command.name != "help"):
            choice = argument.choices[0] if argument.choices else "kind"
            found[argument.name] = SOMETHING.get(argument.kind, choice)
    if command.name == "adapter":
        found["adapter"] = "gentle"
    return found


async def state(desk: Desk) -> list[object]:
    """All that commands could change, from the file itself."""
    tables = ("settings", "audit", "personas", "votes", "preferences", "people", "turns", "replies")
    return [await rows(desk.file, table) for table in tables]


async def rows(file: Path, table: str) -> list[tuple[object, ...]]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(file)) as database:
        return database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  our own names


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
@pytest.mark.parametrize("author", [ANN, BOB, ROBOT], ids=lambda author: author.name)
async def test_nobody_without_authority_changes_anything(
    desk: Desk, command: Command, author: Author
) -> None:
    await desk.answered(ANN)
    before = await state(desk)
    allowed = command.level is Level.EVERYONE or (
        command.level is Level.ASKER and (author is ANN or command.target is Target.PLACE)
    )
    if allowed:
        answer = await desk.use(command.name, author, arguments=arguments_of(command))
        assert answer.text or answer.form
        return
    with pytest.raises(Forbidden) as refused:
        await desk.use(command.name, author, arguments=arguments_of(command), confirmed=True)
    assert command.name in refused.value.notice or command.level is Level.ASKER
    assert await state(desk) == before
    assert desk.acted == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
async def test_an_admin_can_use_every_command(desk: Desk, command: Command) -> None:
    await desk.answered(ANN)
    if command.name == "persona restore":
        await desk.use("persona set", arguments={"text": "One."})
    answer = await desk.use(command.name, CHIEF, arguments=arguments_of(command))
    assert answer.text or answer.form


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.level is Level.ADMIN])
async def test_in_private_people_manage_their_own_conversation(
    desk: Desk, command: Command
) -> None:
    here = Author(ANN.id, ANN.name, Standing.ADMIN)
    given = {"bots": True} if command.name == "answers" else arguments_of(command)
    if any(argument.name == "where" for argument in command.arguments):
        with pytest.raises(Refused):
            await desk.use(command.name, here, DIRECT, {**given, "where": "workspace"})
    if command.name == "persona restore":
        await desk.use("persona set", here, DIRECT, {"text": "One."})
    answer = await desk.use(command.name, here, DIRECT, given)
    assert answer.text or answer.form


async def test_the_workspace_is_for_its_owners(desk: Desk) -> None:
    given: dict[str, Given] = {"temperature": 1.0, "where": "workspace"}
    with pytest.raises(Forbidden):
        await desk.use("sampling", CHIEF, arguments=given)
    await desk.use("sampling", OWNER, arguments=given)
    assert (await desk.steering.settings.choice(OTHER)).sampling == (("temperature", 1.0),)


async def test_a_reply_of_another_place_is_refused(desk: Desk) -> None:
    theirs = await desk.answered(ANN, OTHER)
    for reply_id in (theirs, theirs + 1, -1, 2**62):
        with pytest.raises(Refused) as refused:
            await desk.use("why", CHIEF, reply_id=reply_id)
        assert "no answer of mine" in refused.value.notice
    assert desk.acted == []


async def test_a_message_means_the_reply_that_answers_it(desk: Desk) -> None:
    first = await desk.answered(ANN)
    await desk.answered(ANN)
    await desk.use("why", BOB, message_id="m1")
    assert desk.acted[0].reply_id == first


async def test_without_a_reply_the_newest_one_is_meant(desk: Desk) -> None:
    await desk.answered(ANN)
    newest = await desk.answered(BOB)
    await desk.use("why", ANN)
    assert desk.acted[0].reply_id == newest


async def test_what_is_confirmed_is_done_once(desk: Desk) -> None:
    await desk.answered(ANN)
    asked = await desk.use("channel wipe")
    yes, no = asked.buttons
    assert (await desk.press(no)).text == "Nothing was changed."
    assert "1 reply" not in (done := await desk.press(yes)).text
    assert "deleted" in done.text
    assert await desk.audit() == [("wiped", "2", None)]
    again = await desk.press(yes)
    assert again.buttons, "a used confirmation asks anew"
    assert len(await desk.audit()) == 1


async def test_a_confirmation_that_nobody_was_asked_for_asks(desk: Desk) -> None:
    await desk.answered(ANN)
    asked = await desk.use("privacy delete", ANN, confirmed=True)
    assert asked.buttons
    assert (await desk.records.stored("discord", ANN.id)).messages == 1


async def test_a_confirmation_of_somebody_else_or_elsewhere_asks(desk: Desk) -> None:
    yes, _ = (await desk.use("channel wipe", CHIEF)).buttons
    assert (await desk.press(yes, OWNER)).buttons
    assert (await desk.press(yes, CHIEF, OTHER)).buttons
    assert await desk.audit() == []


async def test_a_late_confirmation_asks_again(desk: Desk) -> None:
    yes, _ = (await desk.use("channel wipe", CHIEF)).buttons
    desk.clock[0] += 601
    assert (await desk.press(yes)).buttons
    assert await desk.audit() == []


async def test_who_lost_authority_cannot_confirm(desk: Desk) -> None:
    yes, _ = (await desk.use("channel wipe", CHIEF)).buttons
    with pytest.raises(Forbidden):
        await desk.press(yes, Author(CHIEF.id, CHIEF.name))
    assert await desk.audit() == []


async def test_unknown_commands_are_refused(desk: Desk) -> None:
    for path in ((), ("",), ("drop", "tables"), ("persona",), ("persona", "set", "x")):
        with pytest.raises(Refused) as refused:
            await desk.room.carry_out(Call(path, CHANNEL, OWNER, prefix="/quipu "))
        assert "/quipu help" in refused.value.notice


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.integers(),
    st.floats(allow_nan=True),
    st.booleans(),
    st.just("inherit"),
)
NAMES = st.sampled_from(sorted({a.name for c in COMMANDS for a in c.arguments}))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(sorted(BY_PATH)),
    arguments=st.dictionaries(NAMES | st.text(max_size=8), HOSTILE, max_size=4),
    reply_id=st.none() | st.integers(-(2**63), 2**63 - 1),
    message_id=st.none() | st.text(max_size=20),
    member=st.booleans(),
)
async def test_hostile_calls_are_refused_in_words_or_answered(
    desk: Desk,
    path: tuple[str, ...],
    arguments: dict[str, Given],
    reply_id: int | None,
    message_id: str | None,
    member: bool,
) -> None:
    author = ANN if member else OWNER
    call = Call(path, CHANNEL, author, "xx", arguments, reply_id, message_id)
    words: object
    try:
        answer = await desk.room.carry_out(call)
        words = answer.text or answer.form
    except Refused as refused:
        words = refused.notice
    assert words
    held = await desk.steering.settings.held(CHANNEL)
    assert member <= (not held), "a member changed something"
    await desk.records.set_settings(CHANNEL.id, dict.fromkeys(held), OWNER)


@given(st.text(max_size=100))
def test_forged_ids_of_buttons_are_read_or_not_ours(button_id: str) -> None:
    read = pressed(button_id)
    assert read is None or button_id.startswith("q:")


@given(
    st.lists(st.sampled_from(["q", ":", "persona.set", "1", "c", "w", "a=b", "٣", "²", "=", "x"]))
)
def test_ids_nearly_like_ours_do_no_harm(parts: list[str]) -> None:
    read = pressed("".join(parts))
    assert read is None or isinstance(read.arguments, dict)


def test_a_number_that_no_database_holds_is_not_ours() -> None:
    assert pressed(f"q:regenerate:{'9' * 19}:") is None
    assert pressed(f"q:regenerate:{'9' * 18}:") is not None
    assert pressed("q:regenerate:٣:") is None


def test_every_command_and_argument_is_explained() -> None:
    words = catalogue("en")
    keys = {f"command.{command.key}" for command in COMMANDS}
    keys |= {f"argument.{c.key}.{a.name}" for c in COMMANDS for a in c.arguments}
    keys |= {f"command.group.{c.path[0]}" for c in COMMANDS if len(c.path) > 1}
    assert keys - words.keys() == set()
    assert {key for key in keys if not 0 < len(words[key]) <= 100} == set()


async def test_what_was_said_is_found_where_it_was_kept(desk: Desk) -> None:
    await desk.answered(place=THREAD)
    assert await desk.room.place_of_message([OTHER, CHANNEL, THREAD], "m1") == THREAD
    assert await desk.room.place_of_message([OTHER, CHANNEL], "m1") is None
    assert await desk.room.newest_place(CHANNEL, ANN.id) == THREAD


async def test_options_fit_what_was_typed_and_who_asks(desk: Desk) -> None:
    call = Call(("model",), CHANNEL, CHIEF)
    assert [value for value, _ in await desk.room.options(call, "model", "KI")] == ["kind"]
    assert await desk.room.options(Call(("model",), CHANNEL, ANN), "model", "") == []
    assert await desk.room.options(call, "nothing", "") == []
    preset = Call(("persona", "set"), CHANNEL, CHIEF)
    assert await desk.room.options(preset, "preset", "p") == [("Pirate", "Pirate")]
    helping = Call(("help",), CHANNEL, ANN, prefix="/quipu ")
    shown = await desk.room.options(helping, "command", "")
    assert ("usage", "/quipu usage") in shown
    assert "audit" not in [value for value, _ in shown]
    assert len(await desk.room.options(Call(("help",), CHANNEL, CHIEF), "command", "")) == 25
