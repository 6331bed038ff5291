"""The sections about people: access, limits, presets and what is kept."""

from __future__ import annotations

import pytest

from bot.control.authority import Access
from bot.controls import bounds
from bot.errors import ConfigError
from bot.settings.reading import check


def test_the_bounds_are_what_is_configured() -> None:
    settings = check(
        {
            "access": {"allow": ["person:1", "slack:role:S2"], "deny": ["discord:channel:3"]},
            "limits": {"person_messages": 50},
            "data": {"retention": 90, "prompts": 7},
            "presets": {"Teacher": "You teach.", "Señor": "Eres amable."},
        }
    )
    bound = bounds(settings)
    assert bound.access == Access(("person:1", "slack:role:S2"), ("discord:channel:3",))
    assert bound.most("person_messages") == 50
    assert bound.most("channel_tokens") == 0
    assert (bound.most("retention"), bound.prompts) == (90, 7)
    assert bound.presets == {"Teacher": "You teach.", "Señor": "Eres amable."}


def test_without_a_configuration_there_are_no_bounds() -> None:
    bound = bounds(check({}))
    assert bound.access == Access()
    assert set(bound.limits.values()) == {0}
    assert (bound.retention, bound.prompts, dict(bound.presets)) == (0, 30, {})


def test_lists_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIPU_ACCESS__DENY", "person:1, role:2")
    assert check({}).access.deny == ("person:1", "role:2")


@pytest.mark.parametrize(
    ("section", "table", "words"),
    [
        ("access", {"allow": ["Ann"]}, "a list such as"),
        ("access", {"deny": ["team:1"]}, "a list such as"),
        ("access", {"allowed": []}, "did you mean allow"),
        ("limits", {"person_messages": -1}, "from 0 to 1,000,000"),
        ("limits", {"person_tokens": True}, "a whole number"),
        ("data", {"retention": 4000}, "from 0 to 3,650 days"),
        ("presets", {"Teacher": 5}, "[presets] Teacher must be text"),
        ("presets", {"Teacher": ""}, "[presets] Teacher must be text"),
        ("presets", {"Teacher": {"text": "You teach."}}, "[presets] Teacher must be text"),
        ("presets", ["Teacher"], "must be a section"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(
    section: str, table: object, words: str
) -> None:
    with pytest.raises(ConfigError) as wrong:
        check({section: table})
    assert words in str(wrong.value)
