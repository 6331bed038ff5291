"""The table of commands as Discord takes it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from adapters.discord.declared import application_commands, menus
from adapters.discord.registration import declared
from bot.control.commands import COMMANDS
from bot.control.declarations import Argument, Command, Kind, Level

CATEGORY = 4
NAME = re.compile(r"[-_a-z0-9]{1,32}")
ALL = application_commands(COMMANDS)


def walk(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry, *(one for option in entry.get("options", ()) for one in walk(option))]


def counted(entry: dict[str, Any]) -> int:
    """Characters as Discord counts them: of a text in several languages the longest."""
    described = [entry["description"], *entry.get("description_localizations", {}).values()]
    choices = sum(max(map(len, named(one))) + len(one["value"]) for one in entry.get("choices", ()))
    own = len(entry["name"]) + max(map(len, described)) + choices
    return own + sum(map(counted, entry.get("options", ())))


def named(entry: dict[str, Any]) -> list[str]:
    """A name in all its languages."""
    return [entry["name"], *entry.get("name_localizations", {}).values()]


def option(argument: Argument) -> dict[str, Any]:
    [made] = application_commands([Command(("try",), Level.ADMIN, (argument,))])
    [found] = made["options"]
    return dict(found)


def paths() -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for entry in ALL:
        if entry["type"] != 1:
            continue
        subs = [one for one in entry["options"] if one["type"] == 1]
        found |= {(entry["name"], one["name"]) for one in subs} if subs else {(entry["name"],)}
    return found


def test_every_command_of_the_table_is_there_once() -> None:
    assert paths() == {command.path for command in COMMANDS}
    names = [(entry["type"], entry["name"]) for entry in ALL]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry["name"])
def test_everything_is_within_what_discord_takes(entry: dict[str, Any]) -> None:
    assert len(entry.get("options", ())) <= 25
    assert "default_member_permissions" not in entry
    if entry["type"] == 3:
        assert all(1 <= len(name) <= 32 for name in named(entry))
        return
    for one in walk(entry):
        assert NAME.fullmatch(one["name"])
        described = [one["description"], *one.get("description_localizations", {}).values()]
        assert all(1 <= len(words) <= 100 for words in described)
        assert len(one.get("choices", ())) <= 25
        names = [name for choice in one.get("choices", ()) for name in named(choice)]
        assert all(1 <= len(name) <= 100 for name in names)
        assert not (one.get("choices") and one.get("autocomplete"))
        required = [bool(inner.get("required")) for inner in one.get("options", ())]
        assert required == sorted(required, reverse=True)
    assert counted(entry) <= 8000


def test_all_commands_fit_into_one_application() -> None:
    assert len([entry for entry in ALL if entry["type"] == 1]) <= 100
    assert 1 <= len(menus(COMMANDS)) <= 5


def test_numbers_have_their_range_and_texts_their_length() -> None:
    number = option(Argument("n", Kind.NUMBER, least=0.5, most=2))
    assert (number["type"], number["min_value"], number["max_value"]) == (10, 0.5, 2)
    whole = option(Argument("n", Kind.INTEGER, least=0, most=7))
    assert (whole["type"], whole["min_value"], whole["max_value"]) == (4, 0, 7)
    text = option(Argument("t", Kind.LONG_TEXT, least=1, most=9000))
    assert (text["type"], text["min_length"], text["max_length"]) == (3, 1, 6000)


def test_fixed_choices_are_chosen_and_lists_are_asked_for_while_typing() -> None:
    chosen = option(Argument("c", Kind.CHOICE, choices=("up", "down")))
    assert [one["value"] for one in chosen["choices"]] == ["up", "down"]
    asked = option(Argument("c", Kind.CHOICE, source="models"))
    assert asked["autocomplete"]
    assert "choices" not in asked
    many = tuple(str(number) for number in range(30))
    assert option(Argument("c", Kind.CHOICE, choices=many))["autocomplete"]


def test_menus_and_choices_are_named_in_the_reader_s_language() -> None:
    menu = next(entry for entry in ALL if entry["name"] == "Why this answer")
    assert menu["name_localizations"]["de"] == "Warum diese Antwort"
    assert menu["name_localizations"]["es-419"] == menu["name_localizations"]["es-ES"]
    asked = {
        (entry["name"], option["name"]): {
            one["value"]: one["name_localizations"]["de"] for one in option["choices"]
        }
        for entry in ALL
        for option in entry.get("options", ())
        if "choices" in option
    }
    assert asked["rate", "score"] == {"up": "Gut", "down": "Schlecht"}
    assert asked["answers", "when"]["never"] == "nie"
    assert asked["answers", "where"]["thread"] == "dieser Thread"
    assert asked["inherit", "setting"]["temperature"] == "Temperatur"


@pytest.mark.parametrize(
    ("kind", "number"),
    [(Kind.SWITCH, 5), (Kind.PERSON, 6), (Kind.CHANNEL, 7), (Kind.ROLE, 8), (Kind.FILE, 11)],
)
def test_every_kind_has_an_option_of_discords_own(kind: Kind, number: int) -> None:
    assert option(Argument("it", kind))["type"] == number


def test_a_category_is_not_offered_where_a_channel_is_asked_for() -> None:
    offered = option(Argument("c", Kind.CHANNEL))["channel_types"]
    assert CATEGORY not in offered
    assert {0, 11, 15} <= set(offered)


def test_what_discord_gives_back_of_our_commands_is_no_difference() -> None:
    given = [{"id": "1", "version": "2", **entry, "nsfw": False} for entry in ALL]
    assert declared(given) == declared(ALL)
