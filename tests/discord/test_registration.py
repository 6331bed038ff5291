"""When two lists of commands say the same."""

from __future__ import annotations

from typing import Any

from adapters.discord.registration import declared

OURS: dict[str, Any] = {
    "name": "persona",
    "description": "Who I am",
    "type": 1,
    "nsfw": False,
    "dm_permission": True,
    "default_member_permissions": None,
    "contexts": [0, 1],
    "integration_types": [0],
    "options": [
        {
            "type": 1,
            "name": "set",
            "description": "Set it",
            "options": [{"type": 3, "name": "text", "description": "How", "min_length": 1}],
        }
    ],
}


def discords(**changed: Any) -> dict[str, Any]:
    return {
        **OURS,
        "id": "77",
        "application_id": "88",
        "version": "99",
        "contexts": [1, 0],
        "name_localizations": None,
        **changed,
    }


def test_what_discord_adds_is_no_difference() -> None:
    assert declared([discords()]) == declared([OURS])


def test_a_new_option_is_a_difference() -> None:
    assert declared([discords(options=[])]) != declared([OURS])


def test_other_words_are_a_difference() -> None:
    assert declared([discords(description="Who are you")]) != declared([OURS])


def test_a_new_translation_is_a_difference() -> None:
    translated = {"description_localizations": {"de": "Wer ich bin"}}
    assert declared([discords(**translated)]) != declared([OURS])
    assert declared([discords(**translated)]) == declared([{**OURS, **translated}])


def test_a_new_name_in_another_language_is_a_difference() -> None:
    translated = {"name_localizations": {"de": "persona"}}
    assert declared([discords(**translated)]) != declared([OURS])
    assert declared([discords(**translated)]) == declared([{**OURS, **translated}])


def test_a_changed_choice_is_a_difference() -> None:
    def with_choice(value: int) -> dict[str, Any]:
        option = {"type": 4, "name": "n", "choices": [{"name": "one", "value": value}]}
        return discords(options=[option])

    assert declared([with_choice(0)]) != declared([with_choice(1)])


def test_no_commands_at_all_are_a_difference() -> None:
    assert declared([]) != declared([OURS])
