"""The program itself, as a shell calls it: one clear line for every failure, and an exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from bot import __version__, heartbeat

ROOT = Path(__file__).parents[2]
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
COMMANDS = ("run", "chat", "prompt", "doctor", "health", "db", "slack", "models")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error."""
        (line,) = self.err.splitlines()
        assert line.startswith("quipu: ")
        return line.removeprefix("quipu: ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "QUIPU_DATA__FOLDER": str(folder / "data"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        **more,
    }


def quipu(folder: Path, *arguments: str, stdin: str | None = "", **more: str) -> Outcome:
    """Call the program; without `stdin` it has none, as a service."""
    source = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env=environment(folder, **more),
        **source,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Traceback" not in done.stderr or "--debug" in arguments
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_the_version(folder: Path) -> None:
    assert quipu(folder, "--version") == Outcome(0, f"quipu {__version__}\n", "")


def test_without_arguments_there_is_help(folder: Path) -> None:
    done = quipu(folder)
    assert (done.code, done.err) == (0, "")
    assert all(command in done.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(folder: Path, command: str) -> None:
    done = quipu(folder, command, "--help")
    assert (done.code, done.err) == (0, "")
    assert "Usage: quipu" in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["walk"], "No such command 'walk' (see quipu --help)"),
        (["run", "--fast"], "No such option: --fast (see quipu --help)"),
        (["--config"], "Option '--config' requires an argument"),
        (["--config", "missing.toml", "run"], "there is no configuration file missing.toml"),
        (["db", "downgrade"], "No such command 'downgrade'"),
    ],
)
def test_a_wrong_call_is_one_line(folder: Path, arguments: list[str], words: str) -> None:
    done = quipu(folder, *arguments)
    assert done.code == 2
    assert done.complaint.startswith(words)


def test_every_mistake_in_the_configuration_is_a_line(folder: Path) -> None:
    (folder / "config.toml").write_text("[model]\nbach = 1\nqueue = 0\n", encoding="utf-8")
    done = quipu(folder, "run")
    assert done.code == 2
    assert done.err.splitlines() == [
        "quipu: config.toml: [model] has no key bach; did you mean batch?",
        "quipu: config.toml: [model] queue = 0: must be a whole number from 1 to 10,000 messages",
    ]


def test_run_without_platform_talks_to_whoever_writes_to_it(folder: Path) -> None:
    done = quipu(folder, "run", stdin="hi\n")
    assert done.code == 0
    assert len(done.out.strip()) > 5
    assert "DISCORD_TOKEN" in done.err


def test_run_without_platform_and_terminal_says_how_to_connect(folder: Path) -> None:
    done = quipu(folder, "run", stdin=None)
    assert done.code == 2
    assert "DISCORD_TOKEN" in done.complaint


def test_a_model_that_is_not_there_is_one_line(folder: Path) -> None:
    done = quipu(folder, "chat", stdin="hi\n", QUIPU_MODEL__NAME="./nowhere")
    assert done.code == 2
    assert "nowhere" in done.complaint


def test_debug_shows_where(folder: Path) -> None:
    done = quipu(folder, "--debug", "chat", QUIPU_MODEL__NAME="./nowhere")
    assert done.code == 2
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("quipu: ")


def test_the_token_is_not_printed_even_where_it_is_an_argument(folder: Path) -> None:
    done = quipu(folder, "--debug", "--config", TOKEN, "run", DISCORD_TOKEN=TOKEN)
    assert done.code == 2
    assert TOKEN not in done.err
    assert "***" in done.err


def test_prompt_refuses_what_is_no_dialog_in_one_line(folder: Path) -> None:
    done = quipu(folder, "prompt", stdin="[{]")
    assert done.code == 1
    assert done.complaint.startswith("the input is not JSON")


@pytest.fixture
def model(folder: Path, pieces: Path) -> Path:
    """As much of a model as a prompt needs."""
    path = folder / "model"
    path.mkdir()
    (path / "tokenizer.model").write_bytes(pieces.read_bytes())
    config = {"max_position_embeddings": 256, "bos_token_id": 1, "eos_token_id": 2}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def test_prompt_prints_text_ids_and_what_was_kept(folder: Path, model: Path) -> None:
    dialog = [{"role": "system", "content": "Be kind. ✓"}, {"role": "user", "content": "hello"}]
    done = quipu(folder, "prompt", "--model", str(model), stdin=json.dumps(dialog), LC_ALL="C")
    assert (done.code, done.err) == (0, "")
    made = json.loads(done.out)
    assert made["text"] == "<s>[INST] <<SYS>>\nBe kind. ✓\n<</SYS>>\n\nhello [/INST]"
    assert made["ids"][0] == 1
    assert (made["kept"], made["dropped"], made["persona"]) == (1, 0, "Be kind. ✓")


def test_prompts_of_a_file_with_many_dialogs_are_a_list(folder: Path, model: Path) -> None:
    dialogs = [[{"role": "user", "content": word}] for word in ("one", "two")]
    (folder / "dialogs.json").write_text(json.dumps(dialogs), encoding="utf-8")
    done = quipu(folder, "prompt", "--model", str(model), "--json", "dialogs.json")
    assert [made["kept"] for made in json.loads(done.out)] == [1, 1]


def test_a_reader_that_goes_away_is_no_failure_worth_words(folder: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "bot", "--help"],
            cwd=folder,
            env=environment(folder),
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_ends_quietly(folder: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "bot", "prompt"],
        cwd=str(folder),
        env=environment(folder),
        encoding="utf-8",
        timeout=100,
        # Who runs the tests in the background has interrupts ignored, and so has every child.
        preexec_fn=_heed_interrupts,
    )
    child.expect("end it with Ctrl-D")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert (child.before or "").replace("^C", "").strip() == ""


def test_the_database_is_brought_to_the_newest_version(folder: Path) -> None:
    done = quipu(folder, "db", "upgrade")
    assert (done.code, done.err) == (0, "")
    assert "the database is at revision" in done.out
    assert (folder / "data" / "quipu.db").is_file()


def test_a_database_that_cannot_be_is_one_line(folder: Path) -> None:
    (folder / "data").touch()
    done = quipu(folder, "db", "upgrade")
    assert done.code == 1
    assert done.complaint


def test_doctor_finds_what_would_stop_run(folder: Path) -> None:
    (folder / "config.toml").write_text("[discord]\n", encoding="utf-8")
    done = quipu(folder, "doctor", QUIPU_MODEL__NAME="./nowhere")
    assert (done.code, done.err) == (1, "")
    errors = [line for line in done.out.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "nowhere" in errors[0]
    assert "DISCORD_TOKEN" in errors[1]


def test_doctor_lists_every_mistake_in_the_configuration(folder: Path) -> None:
    (folder / "config.toml").write_text("[model]\nbach = 1\nqueue = 0\n", encoding="utf-8")
    done = quipu(folder, "doctor")
    assert done.code == 1
    assert done.out.count("error: config.toml: [model]") == 2


def test_doctor_names_everything_that_slack_lacks(folder: Path) -> None:
    (folder / "config.toml").write_text('[slack]\nclient_id = "1.2"\n', encoding="utf-8")
    done = quipu(folder, "doctor", QUIPU_MODEL__NAME="./nowhere")
    assert (done.code, done.err) == (1, "")
    errors = [line for line in done.out.splitlines() if line.startswith("error: ")]
    assert len(errors) == 4
    assert all(
        word in line
        for word, line in zip(
            ("nowhere", "SLACK_APP_TOKEN", "SLACK_CLIENT_SECRET", "public_url"), errors, strict=True
        )
    )


def test_the_manifest_of_the_slack_app_needs_no_configuration(folder: Path) -> None:
    (folder / "config.toml").write_text("[nonsense]\n", encoding="utf-8")
    done = quipu(folder, "slack", "manifest", "--name", "Ask me", LC_ALL="C")
    assert (done.code, done.err) == (0, "")
    made = json.loads(done.out)
    assert made["display_information"]["name"] == "Ask me"
    assert made["settings"]["socket_mode_enabled"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--http", "quipu.example.org"], "--http must be an address such as https://"),
        (["--install", "ftp://quipu.example.org"], "--install must be an address"),
        (["--name", "x" * 36], "--name must have 1 to 35 characters"),
    ],
)
def test_a_manifest_that_slack_would_refuse_is_not_printed(
    folder: Path, arguments: list[str], words: str
) -> None:
    done = quipu(folder, "slack", "manifest", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.complaint.startswith(words)


def test_health_follows_the_heartbeat(folder: Path) -> None:
    assert quipu(folder, "health").code == 1
    (folder / "data").mkdir()
    heartbeat.beat(folder / "data" / "heartbeat")
    assert quipu(folder, "health").code == 0
    assert quipu(folder, "health", "--ready").code == 0


def test_health_says_what_is_not_ready_and_fails_for_it_if_asked(folder: Path) -> None:
    heartbeat.beat(folder / "data" / "heartbeat", "database takes no writes")
    done = quipu(folder, "health")
    assert (done.code, done.out.splitlines()[1]) == (0, "not ready: database takes no writes")
    assert quipu(folder, "health", "--ready").code == 1
