"""The configuration: what it takes, and what it says about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import Settings, load
from bot.values import Sampling

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"


def written(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def complaint(folder: Path, text: str) -> str:
    file = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    return str(caught.value).replace(f"{file}: ", "")


MISTAKES = {
    "an unknown key names the nearest": (
        "[model]\nbach = 3",
        "[model] has no key bach; did you mean batch?",
    ),
    "a key of another section names that section": (
        "[model]\ntemperature = 1",
        "[model] has no key temperature; did you mean temperature in section [sampling]?",
    ),
    "an unknown section names the nearest": (
        "[modell]",
        "there is no section or key modell here; did you mean [model]?",
    ),
    "a key outside of its section names the section": (
        "batch = 3",
        "there is no section or key batch here; did you mean batch in section [model]?",
    ),
    "a number out of range": (
        "[model]\nbatch = 0",
        "[model] batch = 0: must be a whole number from 1 to 512 conversations",
    ),
    "half a token": (
        "[sampling]\nmax_new_tokens = 1.5",
        "[sampling] max_new_tokens = 1.5: must be a whole number from 1 to 131,072 tokens",
    ),
    "a bound that is left out": (
        "[sampling]\ntop_p = 0",
        "[sampling] top_p = 0: must be a number above 0 up to 1",
    ),
    "a truth value is not a number": (
        "[sampling]\nseed = true",
        "[sampling] seed = true: must be a whole number from 0 to 9,223,372,036,854,775,807",
    ),
    "not a number at all": (
        "[sampling]\ntemperature = nan",
        "[sampling] temperature = nan: must be a number from 0 to 5",
    ),
    "a duration in a unit nobody knows": (
        '[shutdown]\ndeadline = "3 parsecs"',
        '[shutdown] deadline = "3 parsecs": must be a duration from 0 s to 1 h, such as "30 s"',
    ),
    "a duration too long": (
        '[conversation]\nresume_within = "2 d"',
        '[conversation] resume_within = "2 d": must be a duration from 0 s to 1 d, such as "30 s"',
    ),
    "a word that is not one of the words": (
        '[log]\nlevel = "loud"',
        '[log] level = "loud": must be one of "debug", "info", "warning", "error"',
    ),
    "a section that is a value": ("model = 7", "model must be a section: [model]"),
    "a database that Quipu does not know": (
        '[database]\nurl = "mysql://host/name"',
        "[database] url must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME",
    ),
    "a password in the address of the database": (
        '[database]\nurl = "postgresql://me:hunter22@host/name"',
        "[database] url: a password is not written here; set QUIPU_DATABASE__URL to all of it",
    ),
    "a path that is none": ('[data]\nfolder = ""', '[data] folder = "": must be a path'),
    "both personas": (
        '[persona]\ntext = "a"\nfile = "b"',
        "[persona] has both text and file; take one of them away",
    ),
}


@pytest.mark.parametrize(("text", "line"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_that_says_what_is_allowed(
    tmp_path: Path, text: str, line: str
) -> None:
    assert complaint(tmp_path, text) == line


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    said = complaint(tmp_path, "[model]\nbatch = 0\nqueu = 1\n[log]\nlevel = 3\n[nonsense]")
    assert len(said.splitlines()) == 4


def test_a_file_that_is_not_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    assert "is not TOML" in complaint(tmp_path, "[model]\nname = \n")


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load(tmp_path / "missing.toml")


def test_without_a_file_everything_has_its_default() -> None:
    settings = load()
    assert settings == Settings()
    assert settings.connects == ()
    assert settings.model.name == "demo"
    assert settings.database_url == f"sqlite:///{settings.data.folder / 'quipu.db'}"


def test_the_file_in_the_current_folder_is_found(plain: Path) -> None:
    written(plain, "[model]\nbatch = 3")
    assert load().model.batch == 3


def test_a_named_file_goes_before_the_one_in_the_current_folder(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(plain, "[model]\nbatch = 3")
    monkeypatch.setenv("QUIPU_CONFIG", str(written(tmp_path, "[model]\nbatch = 4")))
    assert load().model.batch == 4


@pytest.mark.parametrize(
    ("text", "seconds"),
    [('"500 ms"', 0.5), ('"30s"', 30), ('"1 min"', 60), ("2.5", 2.5), ("7", 7), ('"8"', 8)],
)
def test_durations_have_units_or_are_seconds(tmp_path: Path, text: str, seconds: float) -> None:
    file = written(tmp_path, f"[conversation]\njournal_interval = {text}")
    assert load(file).conversation.journal_interval == seconds


def test_the_environment_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "[model]\nbatch = 3\nqueue = 9")
    monkeypatch.setenv("QUIPU_MODEL__BATCH", "5")
    monkeypatch.setenv("QUIPU_MODEL__DEVICE", "")
    settings = load(file)
    assert (settings.model.batch, settings.model.queue) == (5, 9)


ENVIRONMENT = {
    "QUIPU_MODEL__BATCH": ("many", "QUIPU_MODEL__BATCH: [model] batch = "),
    "QUIPU_MODEL__BACH": ("3", "did you mean batch?"),
    "QUIPU_MODL__BATCH": ("3", "did you mean QUIPU_MODEL__BATCH?"),
    "QUIPU_LOG_LEVEL": ("info", "did you mean QUIPU_LOG__LEVEL?"),
    "QUIPU_MODEL": ("demo", "name a key: QUIPU_MODEL__KEY"),
}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_wrong_variable_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, words = ENVIRONMENT[name]
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load()
    assert name in str(caught.value)
    assert words in str(caught.value)


def test_variables_that_an_orchestrator_invents_do_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("QUIPU_PORT", "QUIPU_SERVICE_HOST", "QUIPU_MODEL_SERVICE_PORT_HTTP"):
        monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    assert load().model.name == "demo"


def test_a_token_in_the_environment_asks_for_discord(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", f" {TOKEN}\n")
    settings = load()
    assert settings.connects == ("discord",)
    assert settings.discord is not None
    assert settings.discord.require_token() == TOKEN
    assert TOKEN not in repr(settings)
    assert settings.secrets() == (TOKEN,)


def test_a_token_file_is_found_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{TOKEN}\n", encoding="utf-8")
    settings = load(written(tmp_path, '[discord]\ntoken_file = "secret"'))
    assert settings.discord is not None
    assert settings.discord.require_token() == TOKEN


def test_a_section_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    assert load(written(tmp_path, "[discord]\nenabled = false")).connects == ()


def test_discord_without_a_token_says_where_to_put_it(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "[discord]"))
    assert settings.discord is not None
    with pytest.raises(ConfigError, match="DISCORD_TOKEN"):
        settings.discord.require_token()


LEAKS = [
    f'[discord]\ntoken = "{TOKEN}"',
    f'[discord]\ntokn = "{TOKEN}"',
    f'[discord]\ntoken_file = "{TOKEN}"',
    f'[discord]\napi_url = "{TOKEN}"',
    f'[model]\ndevice = "{TOKEN}"',
    f'token = "{TOKEN}"',
    f'discord = "{TOKEN}"',
    f'[discord]\ntoken = "{TOKEN}" "',
    f'[database]\nurl = "oracle://me:{TOKEN}@host/name"',
    f'[discord]\ngateway_url = "https://me:{TOKEN}@host"',
]


@pytest.mark.parametrize("text", LEAKS)
def test_a_token_in_the_wrong_place_is_not_repeated(tmp_path: Path, text: str) -> None:
    assert TOKEN not in complaint(tmp_path, text)


def test_a_token_in_the_file_is_told_where_to_go(tmp_path: Path) -> None:
    said = complaint(tmp_path, f'[discord]\ntoken = "{TOKEN}"')
    assert "DISCORD_TOKEN" in said
    assert "token_file" in said


def test_a_malformed_token_is_blamed_on_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "two words")
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value) == "DISCORD_TOKEN: [discord] token must be one word"


def test_the_password_of_the_database_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIPU_DATABASE__URL", "postgresql://me:hunter%2022@host/name")
    settings = load()
    assert settings.secrets() == ("hunter%2022", "hunter 22")
    assert "hunter" not in repr(settings)


def test_a_persona_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "pirate.txt").write_text("You are a pirate. Ahoy! 🏴‍☠️\n", encoding="utf-8")
    settings = load(written(tmp_path, '[persona]\nfile = "pirate.txt"'))
    assert settings.persona.text == "You are a pirate. Ahoy! 🏴‍☠️"


def test_a_model_in_a_folder_is_found_from_the_configuration(tmp_path: Path) -> None:
    settings = load(written(tmp_path, '[model]\nname = "./mine"'))
    assert Path(settings.model.name) == tmp_path / "mine"


def test_sampling_lies_over_what_the_model_recommends(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "[sampling]\ntemperature = 0\nseed = 7"))
    recommended = Sampling(max_new_tokens=99, top_k=40)
    wanted = Sampling(max_new_tokens=99, top_k=40, temperature=0.0, seed=7)
    assert settings.sampling.over(recommended) == wanted
