"""One server that speaks the OpenAI protocol, through the openai library."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import openai

from bot.endpoint.failure import broke_off
from bot.endpoint.pieces import Body, Piece, Usage
from bot.endpoint.translation import FOREIGN, understood

NO_KEY = "none"
"""The library wants a key, most servers of one's own do not."""


class Client:
    """Sends requests to `url`, which ends before `/completions`. Every method raises Failure."""

    def __init__(self, url: str, *, api_key: str, connect: float, timeout: float) -> None:
        self.url = url
        self._openai = openai.AsyncOpenAI(
            base_url=url,
            api_key=api_key or NO_KEY,
            timeout=openai.Timeout(timeout, connect=connect),
            max_retries=0,
        )
        # The library imports these when they are first used, which would hold the event loop.
        self._completions: Any = self._openai.completions
        self._chat: Any = self._openai.chat.completions

    async def stream(self, body: Body) -> AsyncGenerator[Piece, None]:
        """The answer as it is written; the last piece has a reason.

        Closing it closes the connection, which is how a server learns that it can stop.
        """
        ended = False
        async with aclosing(self._chunks(body)) as chunks:
            async for chunk in chunks:
                piece = _piece(chunk, chat=body.chat)
                ended = ended or piece.reason is not None
                if piece != Piece():
                    yield piece
        if not ended:
            raise broke_off(self.url)

    async def count(self, body: Body) -> int | None:
        """How many tokens the server says that it read; None if it does not say."""
        try:
            done = await self._create(body)
        except FOREIGN as error:
            raise understood(error, self.url) from error
        usage = getattr(done, "usage", None)
        return usage.prompt_tokens if usage else None

    async def models(self) -> list[str]:
        """The names that it serves."""
        try:
            return [model.id async for model in self._openai.models.list()]
        except FOREIGN as error:
            raise understood(error, self.url) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def _chunks(self, body: Body) -> AsyncGenerator[Any, None]:
        try:
            async with await self._create(body, stream=True) as chunks:
                async for chunk in chunks:
                    yield chunk
        except FOREIGN as error:
            raise understood(error, self.url) from error

    async def _create(self, body: Body, **options: Any) -> Any:
        create = self._chat.create if body.chat else self._completions.create
        return await create(**body.asked, extra_body=body.settings, **options)


def _piece(chunk: Any, *, chat: bool) -> Piece:
    """What of a chunk counts; servers leave out and add as they like."""
    choices = getattr(chunk, "choices", None)
    choice = choices[0] if choices else None
    said = getattr(choice, "delta", None) if chat else choice
    text = getattr(said, "content" if chat else "text", None) or ""
    reason = getattr(choice, "finish_reason", None)
    usage = getattr(chunk, "usage", None)
    return Piece(str(text), reason, _usage(usage) if usage else None)


def _usage(usage: Any) -> Usage:
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        tokens=getattr(usage, "completion_tokens", None) or 0,
        prompt_tokens=getattr(usage, "prompt_tokens", None) or 0,
        reused=getattr(details, "cached_tokens", None) or 0,
    )
