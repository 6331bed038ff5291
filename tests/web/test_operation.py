"""Readiness and metrics over HTTP, with real requests to a real port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import ClientSession

from adapters.web import operation
from adapters.web.operation import mount_metrics, mount_readiness
from adapters.web.server import WebServer
from bot.operation.figures import WELL, Condition


async def healthy() -> Mapping[str, bool]:
    return {"event_loop": True}


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    server = WebServer("127.0.0.1", 0, health=healthy)
    await server.start()
    yield server
    await server.stop()


async def ask(server: WebServer, path: str) -> tuple[int, str, str]:
    async with (
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}{path}") as response,
    ):
        return response.status, await response.text(), response.headers["Content-Type"]


@pytest.mark.parametrize(
    ("database", "status", "word"),
    [(WELL, 200, '"ready"'), (Condition(ready=False, note="takes no writes"), 503, '"not ready"')],
)
async def test_readiness_is_told_part_by_part_with_reasons(
    server: WebServer, database: Condition, status: int, word: str
) -> None:
    async def look() -> Mapping[str, Condition]:
        return {"model": WELL, "database": database}

    mount_readiness(server, look)
    found, text, _ = await ask(server, "/readyz")
    assert found == status
    assert f'"status": {word}' in text
    assert '"model": {"ready": true}' in text
    assert ("takes no writes" in text) == (status == 503)


async def test_a_look_that_hangs_is_not_ready(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "READY_SECONDS", 0.05)

    async def look() -> Mapping[str, Condition]:
        await asyncio.Event().wait()
        return {}

    mount_readiness(server, look)
    status, text, _ = await ask(server, "/readyz")
    assert status == 503
    assert "took too long" in text


async def test_metrics_are_handed_out_as_they_are(server: WebServer) -> None:
    kind = "text/plain; version=1.0.0; charset=utf-8"

    async def page() -> tuple[bytes, str]:
        return b"quipu_up 1\n", kind

    mount_metrics(server, page)
    assert await ask(server, "/metrics") == (200, "quipu_up 1\n", kind)
