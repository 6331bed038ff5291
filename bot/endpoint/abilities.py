"""What one server takes, found out by asking it and remembered."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Literal

import structlog

from bot.endpoint.asking import Asked, probe
from bot.endpoint.failure import Again, Failure
from bot.endpoint.pieces import Body
from bot.errors import ConfigError, TooLong

if TYPE_CHECKING:
    from bot.endpoint.client import Client

log = structlog.get_logger(__name__)

TokenIds = Literal["auto", "always", "never"]

OPTIONAL = (
    *("top_k", "min_p", "repetition_penalty", "seed", "logit_bias"),
    *("stop", "stream_options", "max_tokens"),
    *("continue_final_message", "add_generation_prompt"),
)
"""Settings that some servers refuse by name; an answer without them is better than none."""

REFUSED = frozenset({400, 404, 405, 415, 422, 501})


class Abilities:
    """Learns from a server's refusals, once for each thing. Use in one event loop only."""

    def __init__(self, client: Client, policy: TokenIds) -> None:
        self.without: frozenset[str] = frozenset()
        self.ids: bool | None = None if policy == "auto" else policy == "always"
        self._client = client
        self._asking = asyncio.Lock()

    async def chat(self, asked: Asked) -> bool:
        """Whether to send messages, because the server does not read token ids as they are."""
        if self.ids is None and asked.prompt.ids:
            async with self._asking:
                if self.ids is None:
                    self.ids = await self._reads_ids(asked)
        if self.ids and asked.prompt.ids:
            return False
        if not asked.prompt.messages:
            words = f"{self._client.url} takes no token ids, and the prompt has no messages"
            raise Failure(ConfigError(words), Again.ELSEWHERE)
        return True

    def learn(self, failure: Failure, body: Body) -> bool:
        """Whether the refusal named settings that can be left out; they are, from now on."""
        if isinstance(failure.error, TooLong) or failure.status not in (0, 400, 422):
            return False
        named = {
            name
            for name in OPTIONAL
            if name in body.settings and re.search(rf"\b{name}\b", failure.words)
        }
        if named:
            self.without |= named
            log.warning(
                "settings not taken by server", url=self._client.url, settings=sorted(named)
            )
        return bool(named)

    async def _reads_ids(self, asked: Asked) -> bool | None:
        """Asks for one token after a few ids: a server that adds its own would count more.

        None if the server stumbled, over the ids perhaps, or has no such model (yet): messages for
        now, and asked again.
        """
        tried = probe(asked)
        sent = len(tried.asked["prompt"])
        try:
            read = await self._client.count(tried)
        except Failure as failure:
            if failure.status not in REFUSED and failure.status != 500:
                raise
            log.info("server takes no token ids", url=self._client.url, reason=str(failure))
            no_model = failure.status == 404 and asked.model in failure.words
            return None if failure.status == 500 or no_model else False
        log.info("server takes token ids", url=self._client.url, sent=sent, read=read)
        return read == sent
