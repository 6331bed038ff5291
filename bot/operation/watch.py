"""Puts together what watches a running Quipu. A part of the composition root."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from bot import __version__
from bot.conversation.conversations import Conversations
from bot.engines import Engines
from bot.operation.facts import Observer, Observers
from bot.operation.gathering import Gathering
from bot.operation.lag import watch_loop
from bot.operation.readiness import Answered, Readiness
from bot.ports import Store
from bot.settings import Settings

if TYPE_CHECKING:
    from adapters.prometheus.showing import Metrics
    from adapters.web.server import WebServer

Chore = Callable[[], Coroutine[Any, Any, None]]
Connected = Callable[[], Mapping[str, bool]]


class House(Protocol):
    """What is watched of the core."""

    @property
    def store(self) -> Store: ...

    @property
    def engines(self) -> Engines: ...

    @property
    def conversations(self) -> Conversations: ...


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of facts: who remembers answers, and, where they can be fetched, the metrics."""

    answered: Answered
    metrics: Metrics | None
    observer: Observer

    @classmethod
    def of(cls, settings: Settings) -> Watch:
        """As the configuration wants it."""
        answered = Answered()
        if settings.serves is None:
            return cls(answered, None, answered)
        from adapters.prometheus.showing import Metrics

        metrics = Metrics(__version__)
        return cls(answered, metrics, Observers([answered, metrics]))

    def readiness(self, house: House, connected: Connected) -> Readiness:
        """Looks at the model, the database and the platforms."""
        return Readiness(house.engines, house.store, connected, self.answered)

    def chores(self, readiness: Readiness) -> dict[str, Chore]:
        """What goes on beside the platforms."""
        chores: dict[str, Chore] = {"readiness": readiness.run}
        if self.metrics is not None:
            chores["event loop"] = partial(watch_loop, self.observer)
        return chores

    def mount(
        self, web: WebServer, house: House, readiness: Readiness, connected: Connected
    ) -> None:
        """Readiness and metrics on the HTTP server."""
        from adapters.web.operation import mount_metrics, mount_readiness

        mount_readiness(web, readiness.look)
        if self.metrics is not None:
            gathering = Gathering(
                house.engines,
                house.conversations,
                house.store,
                self.answered,
                connected,
                lambda: readiness.last,
            )
            mount_metrics(web, partial(self.metrics.page, gathering.now))
