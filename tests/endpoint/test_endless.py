"""A server that sees no end of its answer is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from bot.endpoint.answer import SLACK
from bot.values import FinishReason
from tests.endpoint.conftest import Connect, Serve
from tests.endpoint.speaking import GREEDY, ask, read
from tests.loopback.endpoint import EndpointServer, WordWriter


async def test_an_answer_in_circles_ends_and_the_server_is_left(
    serve: Serve, connect: Connect
) -> None:
    server = await serve("So", ".", *[" very", " long"] * 190)
    long = replace(GREEDY, max_new_tokens=390)
    text, finish = await read(ask(connect(server, repeats=200), sampling=long))
    assert finish.reason is FinishReason.REPEATED
    assert text[: len(text) - finish.surplus] == "So. very long"
    text, finish = await read(ask(connect(server), sampling=long))
    assert finish.reason is FinishReason.STOP
    assert len(text) > 1900


class Endless(WordWriter):
    """Writes for ever, whatever length it was told."""

    async def write(
        self,
        ids: Sequence[int],  # noqa: ARG002
        body: dict[str, Any],  # noqa: ARG002
    ) -> AsyncGenerator[str | None, None]:
        for number in count():
            yield f" {number}"


async def test_a_server_that_writes_for_ever_is_left_in_the_end(connect: Connect) -> None:
    async with EndpointServer(Endless()) as server:
        text, finish = await read(ask(connect(server), sampling=GREEDY))
        await server.until(lambda one: one.running == 0)
    assert finish.reason is FinishReason.LENGTH
    assert GREEDY.max_new_tokens < len(text.split()) <= 2 * GREEDY.max_new_tokens + SLACK + 1
