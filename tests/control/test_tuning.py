"""Settings are set, inherited, bounded and listed; each change leaves a line."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.control.arguments import checked
from bot.control.bounds import Bounds
from bot.control.commands import COMMANDS
from bot.control.declarations import Argument, Command, Kind
from bot.control.page import GROUPS
from bot.control.place_settings import Limit
from bot.control.response import Call, Given, Response
from bot.control.settings import SAMPLING, SETTINGS
from bot.control.words import languages, say
from bot.engines import Engines
from bot.errors import Refused
from bot.values import Choice
from storage import SqlStore
from tests.control.conftest import CHANNEL, CHIEF, DIRECT, OTHER, OWNER, THREAD, Desk


async def test_what_is_set_holds_for_the_next_answer(desk: Desk) -> None:
    await desk.use("model", arguments={"model": "Wild"})
    await desk.use("sampling", arguments={"temperature": "1,2", "top_k": 40})
    chosen = await desk.steering.settings.choice(THREAD)
    assert chosen == Choice("wild", "", (("temperature", 1.2), ("top_k", 40)))
    assert await desk.steering.settings.choice(OTHER) == Choice()
    assert await desk.audit() == [
        ("model", None, "wild"),
        ("temperature", None, "1.2"),
        ("top_k", None, "40"),
    ]


async def test_a_thread_goes_before_its_channel_and_that_before_the_workspace(desk: Desk) -> None:
    for where, seed in (("workspace", 1), ("channel", 2), ("thread", 3)):
        await desk.use("sampling", OWNER, THREAD, {"seed": seed, "where": where})
    seeds = [
        dict((await desk.steering.settings.choice(place)).sampling)["seed"]
        for place in (OTHER, CHANNEL, THREAD)
    ]
    assert seeds == [1, 2, 3]
    await desk.use("inherit", OWNER, THREAD, {"setting": "seed", "where": "thread"})
    assert (await desk.steering.settings.choice(THREAD)).sampling == (("seed", 2),)


async def test_there_is_no_thread_to_set_in_a_channel(desk: Desk) -> None:
    with pytest.raises(Refused):
        await desk.use("sampling", OWNER, CHANNEL, {"seed": 1, "where": "thread"})


@pytest.mark.parametrize("taken_back", ["", "inherit", " Inherit "])
async def test_an_emptied_field_inherits_again(desk: Desk, taken_back: str) -> None:
    await desk.use("sampling", arguments={"seed": 5, "top_p": 0.5})
    await desk.use("sampling", arguments={"seed": taken_back, "top_p": 0.6})
    assert (await desk.steering.settings.choice(CHANNEL)).sampling == (("top_p", 0.6),)


@pytest.mark.parametrize("given", [{"when": "never"}, {"threads": True}, {"names": False}])
async def test_a_direct_message_takes_no_setting_that_would_change_nothing(
    desk: Desk, given: dict[str, Given]
) -> None:
    with pytest.raises(Refused) as refused:
        await desk.use("answers", CHIEF, DIRECT, given)
    assert "for channels" in refused.value.notice
    assert await desk.audit() == []
    [name] = given
    shown = (await desk.use("answers", CHIEF, DIRECT)).text
    assert f"- {say(f'setting.{name}')}:" not in shown
    page = (await desk.use("settings", CHIEF, DIRECT)).page
    assert page is not None
    assert name not in {item.argument.name for _, group in page.groups for item in group}
    assert "already" in (await desk.use("inherit", CHIEF, DIRECT, {"setting": name})).text


async def test_setting_the_same_again_leaves_no_line(desk: Desk) -> None:
    await desk.use("answers", arguments={"when": "always"})
    assert "already" in (await desk.use("answers", arguments={"when": "always"})).text
    assert len(await desk.audit()) == 1


@pytest.mark.parametrize(
    ("command", "arguments", "right"),
    [
        ("model", {"model": "gpt"}, "kind, wild"),
        ("adapter", {"adapter": "rough"}, "gentle, none"),
        ("sampling", {"temperature": 6}, "0 to 5"),
        ("sampling", {"top_p": "much"}, "0.01 to 1"),
        ("sampling", {"seed": 1.5}, "whole number"),
        ("answers", {"when": "sometimes"}, "mention, always, never"),
        ("answers", {"bots": "maybe"}, "yes or no"),
        ("retention", {"retention": 99_999}, "3650"),
        ("inherit", {"setting": "colour"}, "temperature"),
        ("sampling", {"colour": 1}, "temperature"),
    ],
)
async def test_a_wrong_value_is_told_what_would_be_right(
    desk: Desk, command: str, arguments: dict[str, Given], right: str
) -> None:
    with pytest.raises(Refused) as refused:
        await desk.use(command, arguments=arguments)
    assert right in refused.value.notice
    assert await desk.audit() == []


@pytest.mark.parametrize(
    ("command", "argument"),
    [(c, a) for c in COMMANDS for a in c.arguments if a.kind in {Kind.INTEGER, Kind.NUMBER}],
    ids=lambda each: each.name,
)
async def test_a_wrong_number_is_told_both_of_its_bounds_or_the_one_that_there_is(
    command: Command, argument: Argument
) -> None:
    alone = replace(command, arguments=(argument,))
    for language in languages():
        with pytest.raises(Refused) as refused:
            checked(alone, {argument.name: "many"}, language)
        least, most = argument.least, argument.most
        told = [number for number in (least, most) if number is not None]
        notice = refused.value.notice.removeprefix(f"`{argument.name}`")
        assert [float(number) for number in re.findall(r"\d+(?:\.\d+)?", notice)] == told
        assert not re.search(r"\s[.\s]", notice), "a bound that there is not leaves a gap"


async def test_adapters_are_those_of_the_model_that_is_chosen(desk: Desk) -> None:
    await desk.use("adapter", OWNER, arguments={"adapter": "gentle", "where": "workspace"})
    await desk.use("adapter", arguments={"adapter": "none"})
    assert (await desk.steering.settings.choice(OTHER)).adapter == "gentle"
    assert (await desk.steering.settings.choice(CHANNEL)).adapter == ""
    await desk.use("model", arguments={"model": "wild"})
    with pytest.raises(Refused):
        await desk.use("adapter", arguments={"adapter": "gentle"})


async def test_a_model_that_is_gone_falls_back_and_says_so(desk: Desk) -> None:
    gone = {"model": "old", "adapter": "worn", "temperature": 99, "when": 5, "noise": 1}
    await desk.records.set_settings(CHANNEL.id, gone, CHIEF)
    assert await desk.steering.settings.choice(CHANNEL) == Choice()
    assert (await desk.steering.settings.behaviour(CHANNEL)).when == "mention"
    shown = await desk.use("settings")
    assert "`old`" in shown.text
    assert "`worn`" in shown.text


async def test_a_form_shows_what_is_set_here_and_what_holds(desk: Desk) -> None:
    await desk.use("sampling", arguments={"temperature": 0.25, "max_new_tokens": 100})
    form = (await desk.use("sampling", arguments={"where": "channel"})).form
    assert form is not None
    fields = {field.argument.name: field for field in form.fields}
    assert list(fields) == [argument.name for argument in SAMPLING]
    assert (fields["temperature"].value, fields["max_new_tokens"].value) == ("0.25", "100")
    assert fields["top_p"].value == ""
    assert "0.9" in fields["top_p"].hint
    assert dict(form.arguments) == {"where": "channel"}
    submitted: dict[str, Given] = {f.argument.name: f.value for f in form.fields}
    again = await desk.use("sampling", arguments={**submitted, **dict(form.arguments)})
    assert "already" in again.text


async def test_without_a_value_a_command_shows_what_holds(desk: Desk) -> None:
    assert "kind, wild" in (await desk.use("model")).text
    assert "when I am mentioned" in (await desk.use("answers")).text


async def test_the_page_has_every_setting_with_its_origin(desk: Desk) -> None:
    await desk.use("answers", OWNER, arguments={"when": "always", "where": "workspace"})
    await desk.use("sampling", arguments={"seed": 7})
    page = (await desk.use("settings")).page
    assert page is not None
    items = {item.argument.name: item for _, group in page.groups for item in group}
    assert items.keys() == SETTINGS.keys()
    assert len(page.groups) == len(GROUPS)
    when, seed, model = items["when"], items["seed"], items["model"]
    assert (when.shown, when.origin, when.own) == (
        "every message",
        "the whole workspace",
        False,
    )
    assert (seed.shown, seed.origin, seed.own, seed.value) == ("7", "set here", True, "7")
    assert (model.shown, model.origin) == ("kind", "my configuration")
    assert [value for value, _ in model.options] == ["inherit", "kind", "wild"]


async def test_the_page_of_a_thread_says_whose_each_value_is_and_changes_that(desk: Desk) -> None:
    given: tuple[tuple[str, dict[str, Given]], ...] = (
        ("workspace", {"top_k": 1}),
        ("channel", {"top_p": 0.2, "seed": 2}),
        ("thread", {"seed": 3}),
    )
    for where, values in given:
        await desk.use("sampling", OWNER, THREAD, values | {"where": where})
    page = (await desk.use("settings", CHIEF, THREAD)).page
    assert page is not None
    items = {item.argument.name: item for _, group in page.groups for item in group}
    seen = {name: (items[name].origin, items[name].where, items[name].own) for name in items}
    assert seen["seed"] == ("this thread", "thread", True)
    assert seen["top_p"] == ("this channel", "", True)
    assert seen["top_k"] == ("the whole workspace", "", False)
    assert seen["model"] == ("my configuration", "", False)


async def test_every_option_of_the_page_can_be_chosen(desk: Desk) -> None:
    page = (await desk.use("settings")).page
    assert page is not None
    for item in (item for _, group in page.groups for item in group):
        for value, label in reversed(item.options):
            assert label
            answer = await desk.room.carry_out(
                Call(item.command, CHANNEL, CHIEF, arguments={item.argument.name: value})
            )
            assert isinstance(answer, Response)


@pytest.fixture
def narrow() -> Bounds:
    return Bounds(limits={"person_messages": 10}, retention=30)


async def test_no_admin_gets_beyond_the_configuration(
    store: SqlStore, engines: Engines, desk: Desk, narrow: Bounds
) -> None:
    object.__setattr__(desk.steering.settings, "bounds", narrow)
    for command, name in (("limits", "person_messages"), ("retention", "retention")):
        for value in (0, 31):
            with pytest.raises(Refused) as refused:
                await desk.use(command, OWNER, arguments={name: value})
            assert str(narrow.most(name)) in refused.value.notice
    await desk.use("limits", arguments={"person_messages": 5, "channel_messages": 100})
    held = desk.steering.settings
    limits = {limit.name: limit.most for limit in reversed(await held.limits(CHANNEL))}
    assert (limits["person_messages"], limits["channel_messages"]) == (5, 100)
    await desk.records.set_settings(CHANNEL.id, {"person_messages": 99}, OWNER)
    assert Limit("person_messages", 10, "discord:") in await held.limits(CHANNEL)
    assert "99" not in str(await held.limits(CHANNEL))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(SETTINGS)),
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
    | st.lists(st.integers(), max_size=2),
)
async def test_whatever_the_database_holds_the_place_is_answered(
    desk: Desk, name: str, value: object
) -> None:
    await desk.records.set_settings(CHANNEL.id, {name: value}, CHIEF)
    held = desk.steering.settings
    assert (await held.behaviour(CHANNEL)).when in {"mention", "always", "never"}
    assert (await held.choice(CHANNEL)).model in {"", "kind", "wild"}
    assert all(limit.most > 0 for limit in await held.limits(CHANNEL))
    assert (await desk.use("settings")).page is not None


async def test_the_audit_list_says_who_what_where_and_from_what_to_what(desk: Desk) -> None:
    await desk.use("sampling", arguments={"seed": 1})
    await desk.use("sampling", arguments={"seed": 2})
    await desk.use("persona set", arguments={"text": "You ```are\nkind."})
    lines = (await desk.use("audit")).text.splitlines()[1:]
    assert "Chief · this channel · persona: nothing → `You '''are kind.`" in lines[0]
    assert "Chief · this channel · seed: `1` → `2`" in lines[1]
