"""Sections [slack] and [http]: what they take, what is missing, and no token in any words."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import HttpSettings, SlackSettings, load
from bot.settings.reading import check

BOT = "xoxb-1234567890-1234567890-abcdefghijklmnopqrstuvwx"
APP = "xapp-1-A0123456789-1234567890-abcdef"
SECRETS = {
    "SLACK_BOT_TOKEN": BOT,
    "SLACK_APP_TOKEN": APP,
    "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
    "SLACK_CLIENT_SECRET": "1f742231b10e8888abcd99yyyzzz85a5",
}


def written(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def slack(**keys: object) -> SlackSettings:
    found = check({"slack": keys}).slack
    assert found is not None
    return found


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """One workspace over Socket Mode."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", f" {BOT}\n")
    monkeypatch.setenv("SLACK_APP_TOKEN", APP)


@pytest.mark.usefixtures("tokens")
def test_two_tokens_in_the_environment_are_enough() -> None:
    settings = load()
    assert settings.connects == ("slack",)
    assert settings.slack is not None
    assert settings.slack.missing() == []
    assert settings.secrets() == (BOT, APP)
    assert settings.serves is None
    assert BOT not in repr(settings)


def test_other_secrets_alone_do_not_ask_for_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS.keys() - {"SLACK_BOT_TOKEN"}:
        monkeypatch.setenv(name, SECRETS[name])
    assert load().connects == ()
    monkeypatch.setenv("QUIPU_SLACK__MODE", "http")
    assert len(load().secrets()) == 3


@pytest.mark.usefixtures("tokens")
def test_both_platforms_are_connected_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "discord.token")
    assert load().connects == ("discord", "slack")


@pytest.mark.usefixtures("tokens")
def test_slack_can_be_switched_off(tmp_path: Path) -> None:
    settings = load(written(tmp_path, '[slack]\nenabled = false\nmode = "http"'))
    assert (settings.connects, settings.serves) == ((), None)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SLACK_BOT_TOKEN", APP, "which begins with xoxb-"),
        ("SLACK_BOT_TOKEN", "xoxp-1-user-token", "OAuth & Permissions"),
        ("SLACK_APP_TOKEN", BOT, "which begins with xapp-"),
        ("SLACK_SIGNING_SECRET", "two words", "must be one word"),
    ],
)
def test_a_token_of_the_wrong_kind_is_blamed_on_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv("QUIPU_SLACK__MODE", "socket")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value).startswith(f"{variable}: [slack] {variable[6:].lower()} must be ")
    assert words in str(caught.value)
    assert value not in str(caught.value)


@pytest.mark.parametrize("variable", SECRETS)
def test_every_secret_may_come_from_a_file(tmp_path: Path, variable: str) -> None:
    (tmp_path / "secret").write_text(f"{SECRETS[variable]}\n", encoding="utf-8")
    key = variable.removeprefix("SLACK_").lower()
    settings = load(written(tmp_path, f'[slack]\n{key}_file = "secret"'))
    assert settings.secrets() == (SECRETS[variable],)


def test_a_file_with_the_wrong_token_says_what_it_must_hold(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(APP, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, '[slack]\nbot_token_file = "secret"'))
    assert "secret must hold the Bot User OAuth Token" in str(caught.value)
    assert APP not in str(caught.value)


@pytest.mark.parametrize("variable", SECRETS)
@pytest.mark.parametrize("key", ["{}", "{}_file", "{}s", "api_url", "reply_in"])
def test_a_secret_in_the_file_is_never_repeated(tmp_path: Path, variable: str, key: str) -> None:
    name = key.format(variable.removeprefix("SLACK_").lower())
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, f'[slack]\n{name} = "{SECRETS[variable]}"'))
    assert SECRETS[variable] not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "missing"),
    [
        ({}, ["app-level token", "bot token"]),
        ({"mode": "http"}, ["signing secret", "bot token"]),
        ({"client_id": "1.2"}, ["app-level token", "client secret", "public_url"]),
        ({"mode": "http", "client_id": "1.2"}, ["signing secret", "client secret", "public_url"]),
    ],
)
def test_each_thing_that_is_missing_is_a_line(keys: dict[str, object], missing: list[str]) -> None:
    settings = slack(**keys)
    assert len(settings.missing()) == len(missing)
    assert all(word in line for word, line in zip(missing, settings.missing(), strict=True))
    with pytest.raises(ConfigError, match=missing[0]):
        settings.require_all()


@pytest.mark.usefixtures("tokens")
def test_one_workspace_and_many_exclude_each_other() -> None:
    [line] = [line for line in slack(client_id="1.2").missing() if "for many" in line]
    assert "take one of them away" in line


def test_the_http_server_runs_where_it_is_needed_or_asked_for() -> None:
    assert check({}).serves is None
    assert check({"http": {}}).serves == HttpSettings()
    assert check({"slack": {"mode": "http"}}).serves == HttpSettings()
    assert check({"slack": {"client_id": "1.2"}, "http": {"port": 0}}).serves == HttpSettings(
        port=0
    )


def test_a_list_in_the_environment_has_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("U1, U2", '["U1","U2"]'):
        monkeypatch.setenv("QUIPU_SLACK__ADMINS", value)
        assert slack().admins == ("U1", "U2")


def test_a_channel_can_be_an_exception() -> None:
    settings = slack(reply_in_except=["C1"], follow_threads_except=["C2"])
    assert [settings.replies_in_thread(channel) for channel in ("C1", "C2")] == [False, True]
    assert [settings.follows_threads(channel) for channel in ("C1", "C2")] == [True, False]
    other = slack(reply_in="channel", reply_in_except=["C1"], follow_threads=False)
    assert [other.replies_in_thread(channel) for channel in ("C1", "C2")] == [True, False]
    assert not other.follows_threads("C1")
