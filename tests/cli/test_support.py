"""`quipu support`: what it is useful for is in it, and nothing that concerns nobody else."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import run_command
from bot.log import Mask
from bot.support import Blur
from tests.cli.test_operator import answered, live
from tests.loopback.discord.server import TOKEN

PLANTED = {
    "DISCORD_TOKEN": "MTIzNDU2Nzg5MDEyMzQ1Njc4.GplAnT.planted-discord-token-0123456789abc",
    "SLACK_BOT_TOKEN": "xoxb-planted-bot-token",
    "SLACK_APP_TOKEN": "xapp-planted-app-token",
    "SLACK_SIGNING_SECRET": "planted0signing0secret",
    "SLACK_CLIENT_SECRET": "planted0client0secret",
    "SLACK_CONFIG_TOKEN": "xoxe.xoxp-planted-config-token",
    "HF_TOKEN": "hf_plantedHuggingFaceToken0",
    "ENDPOINT_KEY": "planted0endpoint0key",
}
CONFIG = """
[discord]
api_url = "http://127.0.0.1:9"
admin_roles = ["123456789012345678"]

[slack]
api_url = "http://127.0.0.1:9"
admins = ["U0PLANTED1"]

[[models]]
kind = "openai"
served = "other"
urls = ["http://127.0.0.1:9/v1"]
api_key_variable = "ENDPOINT_KEY"

[persona]
text = "You guard the planted secret of Ann."

[presets]
"Planted preset" = "You are planted."

[access]
allow = ["person:223456789012345678"]

[data]
folder = "{folder}"
"""
NEVER = (
    *PLANTED.values(),
    "planted",
    "PLANTED",
    "Planted",
    "Ann",
    "123456789012345678",
    "223456789012345678",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    text = CONFIG.format(folder=tmp_path)
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    return tmp_path


def bundled(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_bundle_tells_what_helps_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def life(store: object, _: object) -> None:
        await answered(store, "planted words")  # type: ignore[arg-type]

    live(folder, life)
    assert run_command(["support"]) == 0
    texts = bundled(folder / "quipu-support.zip")
    about = json.loads(texts["about.json"])
    assert about["packages"]["torch"][0].isdigit()
    configuration = json.loads(texts["configuration.json"])
    assert configuration["discord"]["token"] == "(set)"
    assert configuration["discord"]["admin_roles"] == {"entries": 1}
    assert configuration["conversation"]["waiting"] == 8
    assert configuration["model"]["name"] == "demo"
    assert configuration["models"][0]["api_key"] == "(set)"
    kept = json.loads(texts["database.json"])
    assert (kept["kind"], kept["turns"], kept["replies"]) == ("sqlite", 2, {"delivered": 1})
    assert kept["revision"] == kept["newest"]
    assert "error: " in texts["doctor.txt"]
    said = "\n".join(texts.values()) + capsys.readouterr().out
    assert [word for word in (*NEVER, str(folder)) if word in said] == []


def test_a_configuration_that_cannot_be_read_makes_a_bundle_too(folder: Path) -> None:
    wrong = 'waiting = "planted0signing0secret"\n[slack]\nbot_token = "xoxb-planted-bot-token"\n'
    (folder / "config.toml").write_text(wrong, encoding="utf-8")
    assert run_command(["support", "report.zip"]) == 0
    texts = bundled(folder / "report.zip")
    assert texts.keys() == {"README.txt", "about.json", "doctor.txt"}
    assert "waiting" in texts["doctor.txt"]
    assert [word for word in NEVER if word in texts["doctor.txt"]] == []


def test_a_place_that_cannot_be_written_is_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["support", str(folder / "nowhere" / "x.zip")]) == 2
    assert "x.zip cannot be written" in capsys.readouterr().err


def test_an_id_has_one_mark_within_a_bundle_and_another_in_the_next() -> None:
    one, other = (Blur(Mask([]), Path("/root")) for _ in range(2))
    text = "223456789012345678 in C0123456789, 223456789012345678; port 8321, ABCDEFGHIJ"
    first, _, _, again, *_ = one(text).replace(";", "").split()
    assert first == again
    assert "C0123456789" not in one(text)
    assert "port 8321, ABCDEFGHIJ" in one(text)
    assert one(text) != other(text)


@pytest.mark.parametrize(
    "text",
    [
        "signed in to Discord as Planted Bot",
        "signed in to Slack as quipu in Planted Ltd",
        "http://user:planted@host/x",
        "https://host/v1?api_key=planted&x=1",
        f"{Path.home()}/models/x",
    ],
)
def test_names_and_credentials_are_taken_out(text: str) -> None:
    shown = Blur(Mask([]), Path.home())(text)
    assert "lanted" not in shown
    assert str(Path.home()) not in shown


@given(st.text(max_size=60))
def test_no_text_makes_blurring_fail(text: str) -> None:
    assert isinstance(Blur(Mask([TOKEN]), Path("/home/x"))(text), str)
