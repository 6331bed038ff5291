"""The composition root: builds every room from the configuration and lives through start and stop.

Platforms, storage and the model are imported inside the functions that build them, so that an
installation loads only what it uses.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot import checkpoint as checkpoints
from bot.checkpoint import Checkpoint
from bot.commands.dialogs import Dialog
from bot.conversation.answering import Answering
from bot.conversation.conversations import Conversations
from bot.conversation.personas import PersonaBook
from bot.log import adopt
from bot.platforms import platforms, web_server
from bot.ports import Generator, Store
from bot.prompt.builder import PromptBuilder
from bot.prompt.load import load_builder, load_tokenizer
from bot.service import Service
from bot.settings import Settings
from bot.values import Persona, Prompt

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Core", "chat", "compose", "core", "platforms", "prompt", "run"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Core:
    """What all platforms share."""

    store: Store
    generator: Generator
    conversations: Conversations
    personas: PersonaBook


@asynccontextmanager
async def core(settings: Settings, *, database_url: str | None = None) -> AsyncIterator[Core]:
    """The database migrated, the model loaded, conversations ready; all closed in order."""
    async with AsyncExitStack() as closing:
        store = await _store(database_url or settings.database_url)
        closing.push_async_callback(store.close)
        checkpoint = await asyncio.to_thread(
            checkpoints.find, settings.model.name, revision=settings.model.revision
        )
        checkpoint = _within(checkpoint, settings.model.context)
        generator = await asyncio.to_thread(_generator, settings, checkpoint)
        closing.push_async_callback(generator.close)
        yield compose(settings, checkpoint, store, generator)


async def run(settings: Settings) -> None:
    """Serve the configured platforms until a signal asks to stop."""

    async def health() -> Mapping[str, bool]:
        return await service.health()

    async with core(settings) as house, AsyncExitStack() as closing:
        web = web_server(settings, health)
        service = Service(
            house.conversations,
            house.store,
            platforms(settings, house, web),
            heartbeat=settings.heartbeat,
            deadline=settings.shutdown.deadline,
        )
        if web is not None:
            await web.start()
            closing.push_async_callback(web.stop)
        await service.run()


async def chat(settings: Settings, *, interactive: bool) -> None:
    """A conversation at the terminal; with a pipe, every line is answered in turn.

    Nothing of it is kept: it lives in a database of its own, which is deleted at the end.
    """
    from adapters.terminal.lines import piped, typed

    with tempfile.TemporaryDirectory(prefix="quipu-chat-") as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'chat.db'}"
        if interactive:
            from rich.console import Console

            console = Console()
            async with AsyncExitStack() as closing:
                with console.status("Waking the model …"):
                    house = await closing.enter_async_context(core(settings, database_url=url))
                console.print(_welcome(settings))
                await _talk(house, typed("› "), console)
        else:
            async with core(settings, database_url=url) as house:
                await _talk(house, piped(sys.stdin.buffer), None)


def prompt(
    settings: Settings, dialogs: Sequence[Dialog], *, model: str | None = None
) -> list[Prompt]:
    """The prompts of dialogs; speakers are named where a dialog names them.

    The small files of `model` (else the configured one) are enough.
    """
    name = model or settings.model.name
    revision = None if model else settings.model.revision
    checkpoint = checkpoints.find(name, revision=revision, weights=False)
    builder = _builder(settings, _within(checkpoint, settings.model.context))
    return [
        builder.build(
            None if dialog.persona is None else Persona(dialog.persona),
            dialog.turns,
            names=any(turn.author for turn in dialog.turns),
        )
        for dialog in dialogs
    ]


async def _talk(house: Core, lines: AsyncIterator[str], console: Console | None) -> None:
    from adapters.terminal.chat import TerminalChat
    from adapters.terminal.messenger import LiveScreen, PlainScreen, Screen, TerminalMessenger

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def screen() -> Screen:
        return LiveScreen(console) if console else PlainScreen(write)

    messenger = TerminalMessenger(screen)
    house.conversations.attach(messenger)
    say = console.print if console else write
    talk = TerminalChat(messenger, house.conversations, house.personas, say)
    await (talk.converse(lines) if console else talk.talk(lines))


def _welcome(settings: Settings) -> str:
    name = "the bundled demonstration model" if settings.model.name == "demo" else "your model"
    return (
        f"[bold]Quipu[/bold] with {name} ([cyan]{settings.model.name}[/cyan]). "
        "Say something; [bold]/help[/bold] shows more, Ctrl-D leaves. Nothing of this is kept.\n"
    )


async def _store(url: str) -> Store:
    from storage import open_store, upgrade

    await upgrade(url)
    return await open_store(url)


def _within(checkpoint: Checkpoint, context: int | None) -> Checkpoint:
    if context is None or context >= checkpoint.context:
        return checkpoint
    return replace(checkpoint, context=context)


def _generator(settings: Settings, checkpoint: Checkpoint) -> Generator:
    from bot.generation.generator import LocalGenerator
    from bot.generation.loading import load

    adopt()  # transformers puts up a log handler of its own when it is imported
    loaded = load(checkpoint.path, device=settings.model.device, dtype=settings.model.dtype)
    return LocalGenerator(
        loaded,
        load_tokenizer(checkpoint),
        max_batch=settings.model.batch,
        queue=settings.model.queue,
        prefill_budget=settings.model.prefill,
    )


def _builder(settings: Settings, checkpoint: Checkpoint) -> PromptBuilder:
    sampling = settings.sampling.over(checkpoints.recommended(checkpoint))
    tokenizer = load_tokenizer(checkpoint)
    return load_builder(checkpoint, tokenizer, reserve=sampling.max_new_tokens)


def compose(settings: Settings, checkpoint: Checkpoint, store: Store, generator: Generator) -> Core:
    """Conversations over a store and a generator that are there already."""
    # On a machine that is short of memory the generator holds less than the model could.
    builder = _builder(settings, _within(checkpoint, generator.context))
    personas = PersonaBook(store, builder, Persona(settings.persona.text))
    builder.check(Persona(settings.persona.text))
    answering = Answering(
        store,
        generator,
        builder,
        personas,
        settings.sampling.over(checkpoints.recommended(checkpoint)),
        journal_interval=settings.conversation.journal_interval,
    )
    conversations = Conversations(
        store,
        answering,
        waiting=settings.conversation.waiting,
        resume_within=timedelta(seconds=settings.conversation.resume_within),
    )
    return Core(store, generator, conversations, personas)
