"""Which models are in memory, and when each comes and goes.

The policy: a model is loaded when it is first used, or at start if it is to be warm; whoever comes
meanwhile waits for the same load. It leaves when nobody has used it for its idle time. When memory
is short for another one, models on the same device leave, least recently used first: the idle ones,
then those in use, once their running answers have ended. That is waited for with bounded patience;
after it, the one who asked is told to try again. No running answer is ever cut, and one model comes
or goes at a time. A load that failed is told to everybody who waits, and tried again when somebody
asks after a pause.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from copy import copy
from functools import partial
from typing import Any

import structlog

from bot.engines.engine import Engine, Source, Waking
from bot.engines.moves import Moves
from bot.engines.ready import Ready
from bot.engines.resident import Resident
from bot.errors import GenerationError, GeneratorLost, QuipuError
from bot.log import apart
from bot.prompt.builder import PromptBuilder

log = structlog.get_logger(__name__)

PATIENCE = 60.0
"""Seconds to wait for the running answers of a model that has to make room."""

RETRY_AFTER = 30.0
"""Seconds before a load that failed is tried again."""

LOADING = 2.0
"""Seconds that the end waits for loads that run; then they are left."""

PROGRESS = 60.0
"""Seconds between two lines about a load that goes on."""


class Engines:
    """All configured models by title; the first source is the default. One event loop only."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        patience: float = PATIENCE,
        retry_after: float = RETRY_AFTER,
        progress: float = PROGRESS,
    ) -> None:
        self._residents = {source.title: Resident(source) for source in sources}
        self._moves = Moves(
            self._residents.values(),
            patience=patience,
            retry_after=retry_after,
            progress=progress,
        )
        self._builders: dict[str, PromptBuilder] = {}
        self._uses = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False
        self.on_lost: Callable[[GeneratorLost], None] | None = None

    @classmethod
    def single(cls, engine: Engine) -> Engines:
        """One model that is there already and stays."""
        engines = cls([Ready(engine)])
        engines._residents[engine.title].engine = engine
        return engines

    @property
    def titles(self) -> tuple[str, ...]:
        """Every model, the default first."""
        return tuple(self._residents)

    @property
    def default(self) -> str:
        """The title of the model that holds where nobody chose one."""
        return self.titles[0]

    @property
    def loaded(self) -> dict[str, Engine]:
        """The models that are in memory now."""
        found = self._residents.values()
        return {each.title: each.engine for each in found if each.engine is not None}

    def adapters(self, title: str = "") -> tuple[str, ...]:
        """The names of a model's adapters, whether or not it is in memory."""
        return self._find(title).source.adapters

    def waking(self, title: str = "") -> Waking | None:
        """How the load of a model goes on that `use` would wait for; None if none does."""
        resident = self._residents.get(title) or self._residents[self.default]
        if resident.engine is not None or resident.began is None:
            return None
        passed = time.monotonic() - resident.began
        left = None if resident.took is None else max(0.0, resident.took - passed)
        return Waking(resident.title, passed, left)

    def failed(self, title: str = "") -> bool:
        """Whether the last load of a model came to nothing."""
        resident = self._residents.get(title) or self._residents[self.default]
        return resident.engine is None and resident.failure is not None

    async def warm(self) -> None:
        """Load what is to be warm. Raises if the default model cannot be loaded."""
        for resident in self._residents.values():
            error = await self._load(resident) if resident.source.warm else None
            if error and resident.title == self.default:
                raise copy(error) from error
            if error:
                log.error("model not loaded", title=resident.title, reason=str(error))

    @asynccontextmanager
    async def use(self, title: str = "") -> AsyncIterator[Engine]:
        """Hold a model, loaded for it if need be; it stays in memory until it is let go.

        A title that is no longer configured is the default one's. Raises ModelLoadError or
        ConfigError if it cannot be loaded, Busy if there is no room for it just now.
        """
        resident = self._find(title)
        engine = await self._enter(resident)
        try:
            yield engine
        finally:
            resident.users -= 1
            self._rest(resident)
            self._moves.tell()

    async def builder(self, title: str = "") -> PromptBuilder:
        """The prompt builder of a model, which need not be in memory for that."""
        resident = self._find(title)
        if resident.engine is not None:
            return resident.engine.builder
        if resident.title not in self._builders:
            self._builders[resident.title] = await asyncio.to_thread(resident.source.builder)
        return self._builders[resident.title]

    async def reload(self, title: str) -> None:
        """Load a model anew once its running answers have ended; new ones wait for that."""
        resident = self._find(title)
        self._builders.pop(resident.title, None)
        error = await self._moves.renew(resident)
        self._rest(resident)
        if error:
            raise copy(error) from error

    async def lost(self, error: GeneratorLost) -> None:
        """A model will never answer again in this process. Returns only if nobody starts another.

        Whoever awaits this is cancelled then, and leaves in the journal what it was about.
        """
        if self.on_lost is not None:
            self.on_lost(error)
            await asyncio.Event().wait()

    async def close(self) -> None:
        """Unload everything; loads that run have a moment. Nobody should be in any more."""
        self._closed = True
        for resident in self._residents.values():
            resident.stay()
        if self._tasks:
            _, left = await asyncio.wait(set(self._tasks), timeout=LOADING)
            for task in left:
                log.warning("a model is still being loaded, nobody waits for it")
                task.cancel()
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self._moves.end()

    def _find(self, title: str) -> Resident:
        if title and title not in self._residents:
            log.warning("no such model any more, using the default", title=title)
        return self._residents.get(title) or self._residents[self.default]

    async def _enter(self, resident: Resident) -> Engine:
        resident.stay()
        resident.expected += 1
        try:
            while resident.draining or resident.engine is None:
                if resident.draining:
                    await self._moves.news()
                elif error := await self._load(resident):
                    raise copy(error) from error
            resident.users += 1
            return resident.engine
        finally:
            resident.expected -= 1
            self._rest(resident)

    async def _load(self, resident: Resident) -> QuipuError | None:
        """Share one load with everybody who waits; what went wrong, if it did."""
        if self._closed:
            return GenerationError("the program is ending")
        if resident.loading is None:
            resident.loading = self._spawn(self._come(resident))
        # Who gives up must not take the load away from the others.
        return await asyncio.shield(resident.loading)

    async def _come(self, resident: Resident) -> QuipuError | None:
        try:
            return await self._moves.come(resident)
        finally:
            resident.loading = None
            self._rest(resident)

    def _rest(self, resident: Resident) -> None:
        """Note the use; if it was the last one, the idle time begins."""
        resident.used = next(self._uses)
        resident.stay()
        if resident.engine is None or resident.busy or not resident.source.idle or self._closed:
            return
        retire = partial(self._retire, resident)
        loop = asyncio.get_running_loop()
        resident.timer = loop.call_later(resident.source.idle, retire, context=apart())

    def _retire(self, resident: Resident) -> None:
        self._spawn(self._moves.leave(resident, reason="idle"))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start work in the background; it is held on to, and waited for at the end."""
        task = asyncio.create_task(work, context=apart())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a model could not leave", reason=str(error), exc_info=error)
