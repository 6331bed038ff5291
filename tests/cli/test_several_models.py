"""The commands where several models are configured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bot.examination import examine
from bot.settings import load
from tests.cli.test_command_line import quipu

CONFIG = """
[data]
folder = "data"

[model]
device = "cpu"

[[models]]
title = "Second"
name = "demo"
device = "cpu"
context = 512

[[models]]
title = "Far"
kind = "openai"
served = "big"
urls = ["http://127.0.0.1:9/v1"]

[[models]]
title = "Broken"
name = "./nowhere"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_a_chat_is_with_the_model_that_is_named(folder: Path) -> None:
    done = quipu(folder, "chat", "--model", "Second", stdin="Hello!\n")
    assert done.code == 0
    assert len(done.out.strip()) > 3


def test_a_model_that_nobody_configured_is_named(folder: Path) -> None:
    done = quipu(folder, "chat", "--model", "Third", stdin="Hello!\n")
    assert done.code == 2
    assert done.complaint == "there is no model 'Third'; there are demo, Second, Far, Broken"


@pytest.mark.parametrize("model", ["Second", "demo", "Far"])
def test_prompts_are_shown_as_a_model_has_them(folder: Path, model: str) -> None:
    dialog = json.dumps([{"role": "user", "content": "hi"}])
    done = quipu(folder, "prompt", "--model", model, stdin=dialog)
    assert done.code == 0
    assert json.loads(done.out)["messages"] == [["user", "hi"]]


def test_the_doctor_looks_at_every_model_and_only_the_first_one_can_stop_run(folder: Path) -> None:
    found = examine(load(folder / "config.toml"), folder / "config.toml")
    said = {finding.text.split(":")[0]: finding for finding in found}
    assert said["Second"].severity == "ok"
    assert said["Far"].severity == "warning"
    assert "cannot be reached" in said["Far"].text
    assert said["Broken"].severity == "warning"
    assert "neither a folder nor a Hugging Face name" in said["Broken"].text
    assert not any(finding.severity == "error" for finding in found)


@pytest.mark.parametrize("command", ["doctor", "support"])
def test_a_configuration_without_a_local_model_is_examined(folder: Path, command: str) -> None:
    model = 'kind = "openai"\nserved = "big"\nurls = ["http://127.0.0.1:9/v1"]\n'
    (folder / "config.toml").write_text(f'[data]\nfolder = "data"\n[model]\n{model}')
    done = quipu(folder, command)
    assert done.code == 0
    if command == "doctor":
        assert "http://127.0.0.1:9/v1 cannot be reached" in done.out


def test_the_doctor_counts_what_each_of_several_models_may_take(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text('[data]\nfolder = "data"\n[model]\ndevice = "cpu"\nmemory = 0.4\n')
    sparing = tokens(config)
    second = '[[models]]\ntitle = "Second"\nname = "demo"\ndevice = "cpu"\n'
    config.write_text(f'[data]\nfolder = "data"\n[model]\ndevice = "cpu"\n{second}')
    first, other = tokens(config)
    assert first / other == pytest.approx(1, rel=0.2)
    assert first / sparing[0] == pytest.approx(1, rel=0.2)
    config.write_text('[data]\nfolder = "data"\n[model]\ndevice = "cpu"\n')
    assert tokens(config)[0] / first == pytest.approx(0.6 / 0.4, rel=0.2)


def tokens(config: Path) -> list[int]:
    """The room that the doctor promises each of the models."""
    found = [finding.text for finding in examine(load(config), config)]
    rooms = [re.search(r"room for ([\d,]+) tokens", text) for text in found]
    return [int(room[1].replace(",", "")) for room in rooms if room]
