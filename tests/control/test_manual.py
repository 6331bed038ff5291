"""docs/commands.md says what the commands are and who may use them."""

from __future__ import annotations

import re

import pytest

from adapters.discord.declared import application_commands
from adapters.slack.typed import arguments_in, command_in
from bot.control.arguments import checked
from bot.control.commands import BY_PATH, COMMANDS
from bot.control.declarations import Command, Level
from bot.values import Standing
from docs import commands as manual
from tests.control import permissions
from tests.control.vouched import ROLES, Role, vouched

ANEW = "it is out of date: run `python -m docs.commands`"
MENTIONS = {"@Bob": "<@U0BOB|bob>", "@teachers": "<!subteam^S0TEACH>", "#random": "<#C0RANDOM>"}


def written() -> str:
    return manual.FILE.read_text(encoding="utf-8")


def part(name: str) -> str:
    found = {match["name"]: match["text"].strip() for match in manual.PART.finditer(written())}
    return found[name]


def test_the_reference_is_what_is_declared() -> None:
    assert part("reference") == manual.reference().strip(), ANEW


@pytest.mark.slow
async def test_the_table_is_what_happens() -> None:
    assert part("permissions") == (await permissions.table()).strip(), ANEW


@pytest.mark.parametrize("platform", permissions.PLATFORMS)
def test_the_table_says_what_was_specified(platform: str) -> None:
    _, _, lines = part("permissions").partition(f"### On {platform.capitalize()}\n\n")
    rows = [line.strip("| ").split(" | ") for line in lines.splitlines()[2:]]
    roles = ROLES[platform]
    for row, (title, command, given) in zip(rows, permissions.uses(), strict=False):
        allowed = {role.title for role, cell in zip(roles, row[1:], strict=True) if cell == "✓"}
        wide = "where" in given
        assert row[0] == title
        assert allowed == {role.title for role in roles if _specified(command, role, wide=wide)}


def _specified(command: Command, role: Role, *, wide: bool) -> bool:
    if wide:
        return role.standing is Standing.OWNER
    if role.denied:
        return command.path[0] in {"help", "privacy"}
    manages = role.standing is not Standing.MEMBER
    asked = command.level is Level.ASKER and role.own
    return command.level is Level.EVERYONE or manages or asked


@pytest.mark.parametrize("platform", permissions.PLATFORMS)
async def test_every_adapter_vouches_for_what_was_specified(platform: str) -> None:
    found = await vouched(platform)
    for role in ROLES[platform]:
        call = found[role.title]
        assert (call.author.standing, call.place.private) == (role.standing, role.private), role


def test_what_is_written_by_hand_names_no_command_that_is_not_there() -> None:
    text = manual.PART.sub("", written())
    named = re.findall(r"`(?:/quipu |/)([a-z][a-z ]*)", text)
    unknown = [name for name in named if not _known(name)]
    assert named
    assert unknown == []


def _known(name: str) -> bool:
    words = tuple(name.split())
    return words[:1] == ("quipu",) or any(words[:count] in BY_PATH for count in (1, 2))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_example_for_slack_is_understood_there(command: Command) -> None:
    given = manual.EXAMPLES.get(command.key, {})
    line = manual.on_slack(command, given).removeprefix("/quipu ")
    for seen, sent in MENTIONS.items():
        line = line.replace(seen, sent)
    found, rest = command_in(line)
    assert found is command
    taken = checked(command, arguments_in(command, rest, "en") if rest else {}, "en")
    assert taken.keys() == given.keys()
    plain = {name: value for name, value in given.items() if value not in MENTIONS}
    assert {name: taken[name] for name in plain} == plain


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_example_for_discord_can_be_typed_there(command: Command) -> None:
    given = manual.EXAMPLES.get(command.key, {})
    words = manual.on_discord(command, given).removeprefix("/").split()
    [declared] = [
        each
        for each in application_commands(COMMANDS)
        if each["type"] == 1 and each["name"] == words[0]
    ]
    if len(command.path) == 2:
        [declared] = [each for each in declared["options"] if each["name"] == words[1]]
    offered = {option["name"]: option for option in declared["options"]}
    assert given.keys() <= offered.keys()
    assert {name for name, option in offered.items() if option.get("required")} <= given.keys()
