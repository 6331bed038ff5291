"""config.example.toml has every key with its default, and no other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from bot.settings import Settings, load
from bot.settings.complaints import fields_of
from bot.settings.reading import check
from bot.settings.secrets import VARIABLES
from bot.settings.units import seconds

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
LONGEST_LINE = 100
EXAMPLES = {("data", "folder"), ("model", "urls")}
"""Keys whose default depends on the machine or says nothing."""


def uncommented() -> str:
    text = EXAMPLE.read_text(encoding="utf-8")
    return re.sub(r"^#(?=\[+\w+\]+$|\w+ = )", "", text, flags=re.MULTILINE)


def table() -> dict[str, Any]:
    return tomllib.loads(uncommented())


def shown() -> dict[str, dict[str, Any]]:
    """Keys by section, those of [[models]] with [model]; what is shown first counts."""
    found: dict[str, dict[str, Any]] = {}
    for section, value in table().items():
        keys = found.setdefault("model" if section == "models" else section, {})
        for each in value if isinstance(value, list) else [value]:
            keys.update({key: given for key, given in each.items() if key not in keys})
    return found


def schema() -> dict[tuple[str, str], Any]:
    """Every key that a file may hold; those of [[models]] are those of [model]."""
    return {
        (section, key): field
        for section in Settings.model_fields
        if section != "models"
        for key, field in fields_of(section).items()
        if (section, key) not in VARIABLES
    }


def test_the_example_shows_every_key_and_no_other() -> None:
    found = shown()
    del found["presets"]  # its keys are names that somebody thought of
    keys = {(section, key) for section, table in found.items() for key in table}
    assert keys == set(schema())


def defaults() -> dict[tuple[str, str], Any]:
    """Where there is a default that does not depend on the machine."""
    return {
        key: field.default
        for key, field in schema().items()
        if field.default is not PydanticUndefined
        if field.default is not None and key not in EXAMPLES
    }


@pytest.mark.parametrize(("section", "key"), sorted(defaults()))
def test_the_example_shows_the_default(section: str, key: str) -> None:
    default, value = defaults()[section, key], shown()[section][key]
    value = tuple(value) if isinstance(value, list) else value
    assert (seconds(value) if isinstance(default, float) else value) == default


def test_the_example_is_taken_as_it_is() -> None:
    settings = load(EXAMPLE)
    assert settings.model_dump(exclude={"data"}) == Settings().model_dump(exclude={"data"})


def test_the_example_is_taken_with_everything_switched_on() -> None:
    settings = check(table())
    assert settings.connects == ("discord", "slack")
    assert settings.model.context == 4096
    assert [model.title for model in settings.every_model] == ["Llama 2", "Code", "Large"]
    assert [model.is_local for model in settings.every_model] == [True, True, False]
    assert [adapter.name for adapter in settings.adapters_of("Llama 2")] == ["pirate"]


def test_every_key_is_explained() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"#\w+ = ", line)]
    alone = [
        lines[number]
        for number in keys
        if not lines[number - 1].startswith("#") and "persona" not in lines[number - 2]
    ]
    assert len(keys) >= len(schema())
    assert [line for line in alone if not line.startswith("#text = ")] == []
    assert max(map(len, lines)) <= LONGEST_LINE
