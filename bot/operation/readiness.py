"""Whether people would get an answer now: the model, the database and the platforms, really asked.

Every part is looked at no more often than it costs: a model that has answered lately is believed;
otherwise it is asked for one token, at most once a minute. One that is not in memory because nobody
wants it is not loaded for that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing

import structlog

from bot.engines import Engine, Engines
from bot.errors import QuipuError, StorageError
from bot.operation.facts import Fact, ModelAnswered
from bot.operation.figures import WELL, Condition
from bot.ports import Store
from bot.values import Place, Role, Sampling, Turn

log = structlog.get_logger(__name__)

Clock = Callable[[], float]

LATELY = 300.0
"""Seconds for which a model that has answered is believed to answer still."""
ASK_AGAIN = 60.0
"""Seconds between two questions to a model that is not believed."""
PATIENCE = 20.0
"""Seconds that a model has for one token."""
WRITE_AGAIN = 5.0
"""Seconds for which a write of the database is believed."""
LOOK_EVERY = 15.0
"""Seconds between two looks while nobody asks."""

PLACE = Place("quipu", "operation", "readiness", private=True)
"""Nobody's place: what the model is asked here is in no conversation."""
ONE_TOKEN = Sampling(max_new_tokens=1, temperature=0.0, seed=0)
QUESTION = Turn(0, Role.USER, "Hi")


class Answered:
    """An Observer that remembers when each model gave text last."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self._at: dict[str, float] = {}

    def note(self, fact: Fact) -> None:
        """Only answers matter here."""
        if isinstance(fact, ModelAnswered):
            self._at[fact.model] = self.clock()

    def ago(self, model: str) -> float | None:
        """Seconds since its last text; None if it has not given any."""
        at = self._at.get(model)
        return None if at is None else self.clock() - at


class Readiness:
    """Looks at every part. `connected` says which platforms there are, and whether each listens."""

    def __init__(
        self,
        engines: Engines,
        store: Store,
        connected: Callable[[], Mapping[str, bool]],
        answered: Answered,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._engines = engines
        self._store = store
        self._connected = connected
        self._answered = answered
        self._patience = patience
        self._clock = answered.clock
        self._asked: dict[str, float] = {}
        self._told: dict[str, Condition] = {}
        self._wrote: tuple[float, Condition] | None = None
        self._one = asyncio.Lock()
        self.last: Mapping[str, Condition] = {}

    @property
    def unready(self) -> str:
        """What was wrong when last looked at, in one line; empty if nothing was."""
        return "; ".join(f"{part} {c.note}" for part, c in self.last.items() if not c.ready)

    async def look(self) -> Mapping[str, Condition]:
        """Every part, the model first."""
        async with self._one:  # who asks at the same time gets the same answer
            model, database = await asyncio.gather(self._models(), self._database())
        platforms = {name: _platform(is_on) for name, is_on in self._connected().items()}
        found = {"model": model, "database": database, **platforms}
        for part, condition in found.items():
            before = self.last.get(part, WELL)
            if condition.ready != before.ready:
                alarmed = part == "database"  # which has said it already
                say = log.info if condition.ready or alarmed else log.warning
                say("ready again" if condition.ready else "not ready", part=part, **_why(condition))
        self.last = found
        return found

    async def run(self) -> None:
        """Look again and again, for the heartbeat and for whoever counts."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def _models(self) -> Condition:
        """The first model in memory that does not answer; else how the default one is."""
        for title, engine in self._engines.loaded.items():
            condition = await self._model(title, engine)
            if not condition.ready:
                return condition
        return self._absent() if not self._engines.loaded else WELL

    def _absent(self) -> Condition:
        if self._engines.waking() is not None:
            return Condition(ready=False, note="is being loaded")
        if self._engines.failed():
            return Condition(ready=False, note="could not be loaded")
        return Condition(ready=True, note="is not in memory; it is loaded when somebody asks")

    async def _model(self, title: str, engine: Engine) -> Condition:
        ago, now = self._answered.ago(title), self._clock()
        if ago is not None and ago <= LATELY:
            return WELL
        if title in self._told and now - self._asked[title] < ASK_AGAIN:
            return self._told[title]
        self._asked[title] = now
        self._told[title] = await self._ask(title, engine)
        return self._told[title]

    async def _ask(self, title: str, engine: Engine) -> Condition:
        """Let it write one token, as for anybody; that is no use that keeps it in memory."""
        try:
            async with asyncio.timeout(self._patience):
                prompt = await asyncio.to_thread(
                    engine.builder.build, None, [QUESTION], names=False
                )
                answer = engine.generator.generate(prompt, ONE_TOKEN, PLACE)
                async with aclosing(answer):
                    async for _ in answer:
                        pass
        except TimeoutError:
            return Condition(ready=False, note=f"has not answered within {self._patience:.0f} s")
        except QuipuError as error:
            if title not in self._engines.loaded:  # it left meanwhile
                return WELL
            log.warning("the model did not answer", model=title, reason=str(error))
            return Condition(ready=False, note="does not answer")
        self._answered.note(ModelAnswered(title))
        return WELL

    async def _database(self) -> Condition:
        now = self._clock()
        if self._wrote is not None and now - self._wrote[0] < WRITE_AGAIN:
            return self._wrote[1]
        condition = WELL
        try:
            await self._store.try_to_write()
        except StorageError as error:
            # Of what is the matter with it, it has raised the alarm itself.
            log.info("the database takes no writes", reason=str(error))
            condition = Condition(ready=False, note="takes no writes")
        self._wrote = (self._clock(), condition)
        return condition


def _platform(is_on: bool) -> Condition:
    return WELL if is_on else Condition(ready=False, note="is not connected")


def _why(condition: Condition) -> dict[str, str]:
    return {"reason": condition.note} if condition.note else {}
