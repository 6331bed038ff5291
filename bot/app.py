"""The composition root: builds every room from the configuration and lives through start and stop.

Platforms, storage and the model are imported inside the functions that build them, so that an
installation loads only what it uses.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot import checkpoint as checkpoints
from bot.commands.dialogs import Dialog
from bot.control.buttons import ReplyButtons
from bot.control.conversation import ConversationControl
from bot.control.limits import Doorkeeper
from bot.control.locales import Locales
from bot.control.ports import Records
from bot.control.retention import Retention
from bot.control.room import ControlRoom
from bot.controls import Steering, bounds
from bot.conversation.absences import Absences
from bot.conversation.answering import Answering
from bot.conversation.conversations import Conversations
from bot.conversation.personas import PersonaBook
from bot.engines import Engines
from bot.engines.format import make_builder, within
from bot.engines.sources import alone, source, sources
from bot.operation.facts import UNOBSERVED, Observer
from bot.operation.gathering import worker_lost
from bot.operation.watch import Watch
from bot.platforms import platforms, web_server
from bot.ports import Store
from bot.prompt.builder import PromptBuilder
from bot.service import Service
from bot.settings import AccessSettings, LimitSettings, Settings
from bot.stopping import Stopping
from bot.values import Persona, Prompt

if TYPE_CHECKING:
    from rich.console import Console

    from storage import SqlStore

__all__ = ["Core", "chat", "compose", "core", "platforms", "prompt", "records", "run"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Core:
    """What all platforms share."""

    store: Store
    engines: Engines
    conversations: Conversations
    absences: Absences
    personas: PersonaBook
    control: ControlRoom
    gate: Doorkeeper
    retention: Retention
    locales: Locales


@asynccontextmanager
async def core(
    settings: Settings, *, database_url: str | None = None, observer: Observer = UNOBSERVED
) -> AsyncIterator[Core]:
    """The database migrated, warm models loaded, conversations ready; all closed in order."""
    async with AsyncExitStack() as closing:
        store = await _store(database_url or settings.database_url, observer, held=True)
        closing.push_async_callback(store.close)
        engines = Engines(sources(settings))
        closing.push_async_callback(engines.close)
        house = compose(settings, store, engines, observer)
        await house.engines.warm()
        await house.personas.check_default()
        yield house


async def run(settings: Settings) -> None:
    """Serve the configured platforms until a signal asks to stop.

    StorageError if another Quipu runs on the same file.
    """
    from storage import hold

    with hold(settings.database_url):
        await _serve(settings)


async def _serve(settings: Settings) -> None:
    stopping = Stopping(settings.shutdown.deadline)
    stopping.listen()
    watch = Watch.of(settings)
    async with AsyncExitStack() as closing:
        try:
            async with stopping.starting():
                house = await closing.enter_async_context(core(settings, observer=watch.observer))
        except TimeoutError:
            if not stopping.asked.is_set():
                raise
            log.info("stopped before it had started")
            return
        house.engines.on_lost = stopping.start_again
        await _connected(settings, house, watch, stopping)
    if stopping.lost is not None:
        raise stopping.lost


async def _connected(settings: Settings, house: Core, watch: Watch, stopping: Stopping) -> None:
    """The platforms, until asked to stop."""

    async def health() -> Mapping[str, bool]:
        return await service.health()

    def connected() -> Mapping[str, bool]:
        return service.connected()

    async with AsyncExitStack() as closing:
        web = web_server(settings, health)
        readiness = watch.readiness(house, connected)
        service = Service(
            house.conversations,
            platforms(settings, house, web, watch.observer),
            heartbeat=settings.heartbeat,
            deadline=settings.shutdown.deadline,
            chores={
                "retention": house.retention.run,
                "hearing": house.absences.run,
                **watch.chores(readiness),
            },
            unready=lambda: readiness.unready,
            lost=lambda: worker_lost(house.engines),
            stopping=stopping,
            observer=watch.observer,
        )
        if web is not None:
            watch.mount(web, house, readiness, connected)
            await web.start()
            closing.push_async_callback(web.stop)
        await service.run()


async def chat(settings: Settings, *, interactive: bool, model: str | None = None) -> None:
    """A conversation at the terminal; with a pipe, every line is answered in turn.

    `model` is a title of the configuration. Nothing of the conversation is kept: it lives in a
    database of its own, which is deleted at the end.
    """
    from adapters.terminal.lines import piped, typed

    settings = _unbounded(alone(settings, model))
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

    `model` is a title of the configuration, or else a name or folder; without it, the default
    model's. The small files are enough.
    """
    builder = _builder(settings, model)
    return [
        builder.build(
            None if dialog.persona is None else Persona(dialog.persona),
            dialog.turns,
            names=any(turn.author for turn in dialog.turns),
        )
        for dialog in dialogs
    ]


def _builder(settings: Settings, model: str | None) -> PromptBuilder:
    title = model or str(settings.every_model[0].title)
    configured = source(settings, title)
    if configured is None:
        found = checkpoints.find(title, weights=False)
        return make_builder(within(found, settings.model.context), settings.sampling)
    return configured.builder()


@asynccontextmanager
async def records(settings: Settings) -> AsyncIterator[Records]:
    """What is kept, for commands of the operator, also while Quipu runs on the same database."""
    from storage.records import SqlRecords

    store = await _store(settings.database_url)
    try:
        yield SqlRecords(store.database)
    finally:
        await store.close()


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


def _unbounded(settings: Settings) -> Settings:
    """Who sits at the machine is not kept from talking by lists and limits for others."""
    return settings.model_copy(update={"access": AccessSettings(), "limits": LimitSettings()})


def _welcome(settings: Settings) -> str:
    from rich.markup import escape

    model = settings.every_model[0]
    bundled = model.is_local and model.name == checkpoints.DEMO
    name = "the bundled demonstration model" if bundled else "your model"
    return (
        f"[bold]Quipu[/bold] with {name} ([cyan]{escape(model.files or model.label)}[/cyan]). "
        "Say something; [bold]/help[/bold] shows more, Ctrl-D leaves. Nothing of this is kept.\n"
    )


async def _store(url: str, observer: Observer = UNOBSERVED, *, held: bool = False) -> SqlStore:
    from storage import open_store, upgrade

    await upgrade(url, held=held)
    return await open_store(url, observer)


def compose(
    settings: Settings,
    store: SqlStore,
    engines: Engines,
    observer: Observer = UNOBSERVED,
    *,
    now: Callable[[], datetime] | None = None,
) -> Core:
    """Conversations, and what steers them, over a store and models that are there already."""
    from storage.records import SqlRecords

    records = SqlRecords(store.database)
    persona = settings.persona.text
    steering = Steering.of(bounds(settings), store, records, engines, persona=persona)
    answering = Answering(
        store,
        engines,
        steering.settings,
        steering.personas,
        journal_interval=settings.conversation.journal_interval,
        records=records,
        buttons=ReplyButtons(records),
        behaviours=steering.settings,
        observer=observer,
    )
    conversations = Conversations(
        store,
        answering,
        waiting=settings.conversation.waiting,
        resume_within=timedelta(seconds=settings.conversation.resume_within),
        gate=steering.doorkeeper,
        observer=observer,
    )
    absences = Absences(
        store,
        conversations,
        within=timedelta(seconds=settings.conversation.catch_up_within),
        messages=settings.conversation.catch_up_messages,
        now=now,
        observer=observer,
    )
    acting = ConversationControl(conversations, records, records)
    return Core(
        store,
        engines,
        conversations,
        absences,
        steering.book,
        steering.room(acting.handlers()),
        steering.doorkeeper,
        steering.retention,
        Locales(records),
    )
