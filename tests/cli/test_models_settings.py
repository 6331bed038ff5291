"""Several models and their adapters in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import Settings, load
from tests.cli.test_settings import complaint, written

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
ENDPOINT = '[[models]]\nkind = "openai"\nserved = "big"\nurls = ["http://127.0.0.1:1/v1"]\n'


def titles(settings: Settings) -> list[str | None]:
    return [model.title for model in settings.every_model]


def test_one_model_is_warm_and_stays(tmp_path: Path) -> None:
    (model,) = load(written(tmp_path, "")).every_model
    assert (model.title, model.warm, model.idle) == ("demo", True, 0.0)


def test_further_models_come_when_needed_and_leave_when_idle(tmp_path: Path) -> None:
    text = '[[models]]\nname = "a/b"\n[[models]]\nname = "c/d"\nidle = "1 h"\nwarm = true'
    _, second, third = load(written(tmp_path, text)).every_model
    assert (second.title, second.warm, second.idle) == ("b", False, 600.0)
    assert (third.title, third.warm, third.idle) == ("d", True, 3600.0)


def test_titles_come_from_names_and_are_made_different(tmp_path: Path) -> None:
    names = ("meta-llama/Llama-2-7b-chat-hf", "demo", "/models/demo/", "me/demo")
    text = "".join(f'[[models]]\nname = "{name}"\n' for name in names)
    text += '[[models]]\ntitle = "demo 2"\nname = "x/y"\n' + ENDPOINT
    found = titles(load(written(tmp_path, text)))
    assert found == ["demo", "Llama-2-7b-chat-hf", "demo 3", "demo 4", "demo 5", "demo 2", "big"]


def test_a_model_in_a_folder_is_found_from_the_configuration(tmp_path: Path) -> None:
    text = '[[models]]\nname = "./mine"\n[[adapters]]\nname = "a"\npath = "./low"'
    settings = load(written(tmp_path, text))
    assert settings.models[0].name == str(tmp_path / "mine")
    assert settings.adapters[0].path == str(tmp_path / "low")


def test_adapters_belong_to_the_first_model_unless_they_name_another(tmp_path: Path) -> None:
    text = '[[models]]\ntitle = "Other"\nname = "a/b"\n'
    text += '[[adapters]]\nname = "one"\npath = "x/y"\n'
    text += '[[adapters]]\nname = "one"\npath = "x/z"\nmodel = "Other"\n'
    settings = load(written(tmp_path, text))
    assert [each.path for each in settings.adapters_of("demo")] == ["x/y"]
    assert [each.path for each in settings.adapters_of("Other")] == ["x/z"]


MISTAKES = {
    "the number of the section is said": (
        "[[models]]\n[[models]]\nbatch = 0",
        "[[models]] 2: batch = 0: must be a whole number from 1 to 512 conversations",
    ),
    "an unknown key names the nearest": (
        "[[models]]\nbach = 3",
        "[[models]] 1 has no key bach; did you mean batch?",
    ),
    "one pair of brackets is not enough": (
        '[models]\nname = "a/b"',
        "models must be sections, each begun with [[models]]",
    ),
    "a list of something else": ("models = [3]", "[[models]] 1 must be a section: [[models]]"),
    "a key of a list names it": (
        "[persona]\npath = 3",
        "[persona] has no key path; did you mean path in section [[adapters]]?",
    ),
    "a key that must be there": (
        '[[adapters]]\nname = "a"',
        "[[adapters]] 1: path is missing: it must be demo, a folder or a model's name",
    ),
    "two models of one title": (
        '[model]\ntitle = "A"\n[[models]]\ntitle = "A"',
        '[[models]] title = "A": 2 models have it; each needs its own',
    ),
    "an adapter of no model": (
        '[[adapters]]\nname = "a"\npath = "b/c"\nmodel = "X"',
        "[[adapters]] 1: there is no model X; there are demo",
    ),
    "two adapters of one name": (
        '[[adapters]]\nname = "a"\npath = "b/c"\n[[adapters]]\nname = "a"\npath = "d/e"',
        "[[adapters]] 2: demo has an adapter a already",
    ),
    "a key of the other kind": (
        '[model]\nserved = "x"',
        '[model] served is for kind = "openai"',
    ),
    "a local key of an endpoint": (
        ENDPOINT + "stall = 1",
        '[[models]] 1: stall is for kind = "local"',
    ),
    "an address that is none": (
        '[[models]]\nurls = ["ftp://x"]',
        (
            '[[models]] 1: urls = "ftp://x": must be a list of addresses such as '
            '"http://127.0.0.1:8000/v1"'
        ),
    ),
    "token ids need a tokenizer": (
        ENDPOINT + 'token_ids = "always"',
        '[[models]] 1: token_ids = "always" needs name, whose tokenizer makes the token ids',
    ),
    "a title is short": (
        '[model]\ntitle = ""',
        (
            '[model] title = "": must be a short title that begins with a letter or a digit and '
            "has no slash"
        ),
    ),
    "half a duration": (
        '[model]\nidle = "8 d"',
        '[model] idle = "8 d": must be a duration from 0 s to 7 d, such as "30 s"',
    ),
}


@pytest.mark.parametrize(("text", "line"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_that_says_what_is_allowed(
    tmp_path: Path, text: str, line: str
) -> None:
    assert complaint(tmp_path, text) == line


def test_an_endpoint_says_all_that_it_lacks(tmp_path: Path) -> None:
    said = complaint(tmp_path, '[model]\nkind = "openai"').splitlines()
    assert [line.split(", ")[0] for line in said] == [
        '[model] kind = "openai" needs served',
        '[model] kind = "openai" needs urls',
    ]


@pytest.mark.parametrize("text", ['[model]\napi_key = "{}"', ENDPOINT + 'api_key = "{}"'])
def test_a_key_is_not_written_into_the_file(tmp_path: Path, text: str) -> None:
    said = complaint(tmp_path, text.format(KEY))
    assert KEY not in said
    assert "a secret is not written into the configuration" in said
    assert "api_key_file" in said


@pytest.mark.parametrize("key", ["kind", "titel", "device", "timeout", "stall", "urls"])
def test_a_key_in_the_wrong_place_is_not_repeated(tmp_path: Path, key: str) -> None:
    assert KEY not in complaint(tmp_path, f'{ENDPOINT}[[models]]\n{key} = "{KEY}"')


def test_each_model_has_the_key_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(f"{KEY}-of-the-file\n", encoding="utf-8")
    monkeypatch.setenv("BIG_KEY", f"{KEY}-of-the-variable")
    monkeypatch.setenv("QUIPU_MODEL__API_KEY", f"{KEY}-of-the-first")
    text = ENDPOINT.replace("[[models]]", "[model]")
    text += ENDPOINT + 'api_key_file = "key"\n' + ENDPOINT + 'api_key_variable = "BIG_KEY"\n'
    settings = load(written(tmp_path, text))
    keys = {each.api_key.get_secret_value() for each in settings.every_model if each.api_key}
    assert keys == {f"{KEY}-of-the-{source}" for source in ("file", "variable", "first")}
    assert set(settings.secrets()) == keys
    assert KEY not in repr(settings)


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, ENDPOINT + 'api_key_variable = "BIG_KEY"')
    with pytest.raises(ConfigError, match="the variable BIG_KEY is not set"):
        load(file)


def test_an_endpoint_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIPU_MODEL__KIND", "openai")
    monkeypatch.setenv("QUIPU_MODEL__SERVED", "big")
    monkeypatch.setenv("QUIPU_MODEL__URLS", "http://a:1/v1, http://b:1/v1")
    assert load().model.urls == ("http://a:1/v1", "http://b:1/v1")


@pytest.mark.parametrize("variable", ["QUIPU_MODELS", "QUIPU_MODELS__0__NAME", "QUIPU_ADAPTERS"])
def test_lists_of_sections_are_not_for_the_environment(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "[]")
    with pytest.raises(ConfigError) as caught:
        load()
    assert f"{variable}: [[" in str(caught.value)
    assert "stands in the configuration file alone" in str(caught.value)
