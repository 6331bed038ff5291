"""config.example.toml has every key with its default, and no other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings, load
from bot.settings.complaints import fields_of
from bot.settings.reading import check
from bot.settings.secrets import VARIABLES
from bot.settings.units import seconds

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
LONGEST_LINE = 100


def uncommented() -> str:
    text = EXAMPLE.read_text(encoding="utf-8")
    return re.sub(r"^#(?=\[\w+\]$|\w+ = )", "", text, flags=re.MULTILINE)


def shown() -> dict[str, dict[str, Any]]:
    return tomllib.loads(uncommented())


def schema() -> dict[tuple[str, str], Any]:
    return {
        (section, key): field
        for section in Settings.model_fields
        for key, field in fields_of(section).items()
        if (section, key) not in VARIABLES
    }


def test_the_example_shows_every_key_and_no_other() -> None:
    keys = {(section, key) for section, table in shown().items() for key in table}
    assert keys == set(schema())


def defaults() -> dict[tuple[str, str], Any]:
    """Where there is a default that does not depend on the machine."""
    return {
        key: field.default
        for key, field in schema().items()
        if field.default is not None and key != ("data", "folder")
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
    settings = check(shown())
    assert settings.connects == ("discord", "slack")
    assert settings.model.context == 4096


def test_every_key_is_explained() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"#\w+ = ", line)]
    alone = [
        lines[number]
        for number in keys
        if not lines[number - 1].startswith("#") and "persona" not in lines[number - 2]
    ]
    assert len(keys) == len(schema())
    assert [line for line in alone if not line.startswith("#text = ")] == []
    assert max(map(len, lines)) <= LONGEST_LINE
