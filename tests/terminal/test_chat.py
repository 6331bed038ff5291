"""The chat at the terminal: commands for a person, plain lines for a pipe."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from rich.console import Console

from adapters.terminal.chat import TerminalChat
from adapters.terminal.lines import piped
from adapters.terminal.messenger import LiveScreen, PlainScreen, TerminalMessenger
from bot.app import Core, compose
from bot.errors import GenerationError
from bot.settings import Settings
from storage import open_store, upgrade
from tests.board import ScriptedGenerator
from tests.checkpoints import make_checkpoint
from tests.ready import engines_over


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("model"))


@pytest.fixture
async def core(model: Path, tmp_path: Path) -> AsyncIterator[Core]:
    settings = Settings(model={"name": str(model)}, data={"folder": str(tmp_path)})  # type: ignore[arg-type]
    await upgrade(settings.database_url)
    store = await open_store(settings.database_url)
    yield compose(settings, store, engines_over(settings, ScriptedGenerator()))
    await store.close()


def generator(core: Core) -> ScriptedGenerator:
    (engine,) = core.engines.loaded.values()
    assert isinstance(engine.generator, ScriptedGenerator)
    return engine.generator


async def lines(given: Iterable[str]) -> AsyncIterator[str]:
    for line in given:
        yield line


def plain(core: Core) -> tuple[TerminalChat, list[str]]:
    out: list[str] = []
    messenger = TerminalMessenger(lambda: PlainScreen(out.append))
    core.conversations.attach(messenger)
    return TerminalChat(messenger, core.conversations, core.personas, out.append), out


async def test_every_line_is_answered_in_turn_plainly(core: Core) -> None:
    chat, out = plain(core)
    await chat.talk(lines(["hi\n", "\n", "what can you do?\n"]))
    assert out == ["You said: hi\n", "You said: what can you do?\n"]


async def test_a_slash_in_a_pipe_is_a_message_like_any_other(core: Core) -> None:
    chat, out = plain(core)
    await chat.talk(lines(["/help"]))
    assert out == ["You said: /help\n"]


async def test_a_failed_answer_is_explained_and_the_chat_goes_on(core: Core) -> None:
    chat, out = plain(core)
    generator(core).script = lambda prompt: (
        [GenerationError("no")] if "bad [/INST]" in prompt.text else ["fine"]
    )
    await chat.talk(lines(["bad", "good"]))
    assert GenerationError.notice in out[0]
    assert out[1] == "fine\n"


async def test_a_person_sets_shows_and_clears_the_persona(core: Core) -> None:
    chat, out = plain(core)
    said = ["/persona You are a pirate.", "hi", "/persona", "/persona clear", "/reset", "/persona"]
    await chat.converse(lines(said))
    assert "<<SYS>>\nYou are a pirate.\n<</SYS>>" in generator(core).prompts[0].text
    assert out[0] == out[2] == "My persona: You are a pirate."
    assert out[3] == out[5]
    assert "Quipu" in out[3]


async def test_a_reset_begins_a_new_conversation(core: Core) -> None:
    chat, _ = plain(core)
    await chat.converse(lines(["the word is apple", "/reset", "hello"]))
    assert "apple" not in generator(core).prompts[-1].text


async def test_quit_ends_and_an_unknown_command_helps(core: Core) -> None:
    chat, out = plain(core)
    await chat.converse(lines(["/what", "/quit", "never said"]))
    assert len(out) == 1
    assert "/persona" in out[0]


async def test_a_growing_answer_ends_as_rendered_markdown(core: Core) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=60)
    messenger = TerminalMessenger(lambda: LiveScreen(console))
    core.conversations.attach(messenger)
    generator(core).script = lambda _: ["Here is ", "**bold**", " text."]
    chat = TerminalChat(messenger, core.conversations, core.personas, console.print)
    await chat.converse(lines(["hi"]))
    shown = screen.getvalue()
    assert "\x1b[1mbold\x1b[0m" in shown
    assert "**bold**" not in shown.rpartition("Here is")[2]


async def test_piped_lines_may_hold_any_bytes() -> None:
    read = [line async for line in piped(io.BytesIO(b"caf\xc3\xa9\nbad \xff byte\nlast"))]
    assert read == ["café\n", "bad \ufffd byte\n", "last"]
