"""A model at OpenAI-compatible servers as the rest of the house knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from bot.endpoint.abilities import TokenIds
from bot.endpoint.answer import EndpointAnswer
from bot.endpoint.asking import Asked
from bot.endpoint.failover import Failover
from bot.endpoint.failure import Failure
from bot.endpoint.replica import Replica
from bot.errors import Busy, ConfigError, GenerationError, Refused, TooLong
from bot.generation.request import check_sampling
from bot.text.repetition import Circles
from bot.values import Finding, Place, Prompt, Sampling


class Vocabulary(Protocol):
    """What of a tokenizer is needed to send ids, and to keep people from spelling control."""

    control_ids: frozenset[int]
    control_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplicaStats:
    """How one server does; `token_ids` is None until it has been tried."""

    url: str
    active: int
    rests: bool
    token_ids: bool | None


class EndpointGenerator:
    """Lets the servers at `urls` write, which all serve the same model; see `bot.ports.Generator`.

    `served` is the model's name there, and `adapters` maps our names of its adapters to theirs.
    `tokenizer` is the model's own: prompts are then sent as token ids to servers that read them
    ("auto" finds out), else as messages. Without it prompts are messages always.

    `usual` is the sampling that the model's own files recommend.

    A server has `connect` seconds to take a connection, `timeout` to write its first text and
    `gap` (the same unless given) between two texts. `limit` answers may be on their way at once.
    `repeats` is the limit of `Circles` for each answer.
    Building it takes a moment, so do that off the event loop; use it in one event loop only.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        served: str,
        context: int,
        api_key: str = "",
        timeout: float = 60.0,
        connect: float = 5.0,
        gap: float | None = None,
        token_ids: TokenIds = "auto",  # noqa: S107 - no secret
        tokenizer: Vocabulary | None = None,
        usual: Sampling | None = None,
        adapters: Mapping[str, str] = MappingProxyType({}),
        limit: int = 64,
        retries: int = 2,
        repeats: int = 0,
    ) -> None:
        if not urls:
            raise ConfigError("an endpoint needs at least one address")
        if tokenizer is None and token_ids == "always":  # noqa: S105 - no secret
            raise ConfigError("token ids can only be sent where the model's tokenizer is at hand")
        self._context = context
        self._served = served
        self._adapters = dict(adapters)
        self._control_ids = tokenizer.control_ids if tokenizer else frozenset()
        self._control_names = tokenizer.control_names if tokenizer else ()
        self._usual = usual or Sampling()
        self._limit = limit
        self._repeats = repeats
        self._running: set[EndpointAnswer] = set()
        self._closed = False
        self._failover = Failover(
            [
                Replica(
                    url,
                    api_key=api_key,
                    token_ids=token_ids if tokenizer else "never",
                    connect=connect,
                    first=timeout,
                    gap=timeout if gap is None else gap,
                )
                for url in dict.fromkeys(urls)
            ],
            retries=retries,
        )

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together."""
        return self._context

    def generate(
        self, prompt: Prompt, sampling: Sampling, place: Place, *, adapter: str = ""
    ) -> EndpointAnswer:
        """Ask at once; call in the event loop that will read the answer.

        Raises Busy if too many answers are on their way, TooLong and Refused if the request is
        not sound, GenerationError after `close`.
        """
        if self._closed:
            raise GenerationError("the endpoint has been closed")
        self._check(prompt, sampling)
        if len(self._running) >= self._limit:
            raise Busy(f"{self._limit} answers are on their way already")
        asked = Asked(
            prompt,
            sampling,
            self._model(adapter),
            place.id,
            self._context,
            self._control_names,
            self._usual,
        )
        answer = EndpointAnswer(asked, self._failover.pieces(asked), Circles(self._repeats))
        self._running.add(answer)
        answer.task.add_done_callback(lambda _: self._running.discard(answer))
        return answer

    def stats(self) -> tuple[ReplicaStats, ...]:
        """How the servers do."""
        return tuple(
            ReplicaStats(r.url, r.active, r.rests, r.abilities.ids) for r in self._failover.replicas
        )

    async def check(self) -> list[Finding]:
        """Ask every server for its models."""
        return list(await asyncio.gather(*map(self._found, self._failover.replicas)))

    async def close(self) -> None:
        """Hang up; running answers raise GenerationError."""
        self._closed = True
        await asyncio.gather(*(a.break_off("the endpoint is closing") for a in self._running))
        await asyncio.gather(*(replica.close() for replica in self._failover.replicas))

    def _check(self, prompt: Prompt, sampling: Sampling) -> None:
        check_sampling(sampling)
        if not prompt.ids and not prompt.messages:
            raise Refused("a prompt needs token ids or messages")
        if len(prompt.ids) >= self._context:
            raise TooLong(
                f"a prompt of {len(prompt.ids)} tokens leaves no room in a context "
                f"of {self._context}"
            )
        if any(by > 0 and token in self._control_ids for token, by in sampling.logit_bias):
            raise Refused("control tokens cannot be favoured")

    def _model(self, adapter: str) -> str:
        if adapter and adapter not in self._adapters:
            raise Refused(f"the model has no adapter {adapter!r}")
        return self._adapters[adapter] if adapter else self._served

    async def _found(self, replica: Replica) -> Finding:
        try:
            names = await replica.client.models()
        except Failure as failure:
            return Finding("error", str(failure), "start the server, or see urls and api_key")
        if self._served in names:
            return Finding("ok", f"{replica.url} serves {self._served}")
        text = f"{replica.url} does not list {self._served} among its {len(names)} models"
        return Finding("warning", text, f"set served to one of: {', '.join(names[:8]) or '-'}")
