"""The HTTP server, with real requests to a real port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO

import pytest
from aiohttp import ClientResponse, ClientSession, web

from adapters.web.server import LARGEST_BODY, WebServer
from bot.errors import ConfigError, StorageError


@dataclass
class Parts:
    """The health of a program; each part can be broken."""

    parts: dict[str, bool] = field(default_factory=lambda: {"database": True, "slack": True})
    error: StorageError | None = None

    async def check(self) -> Mapping[str, bool]:
        if self.error is not None:
            raise self.error
        return self.parts


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
async def server(parts: Parts) -> AsyncIterator[WebServer]:
    server = WebServer("127.0.0.1", 0, health=parts.check)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def ask(
    server: WebServer, session: ClientSession, path: str, *, method: str = "GET", body: bytes = b""
) -> tuple[int, bytes, ClientResponse]:
    url = f"http://127.0.0.1:{server.port}{path}"
    async with session.request(method, url, data=BytesIO(body)) as response:
        return response.status, await response.read(), response


async def test_health_is_told_part_by_part(server: WebServer, session: ClientSession) -> None:
    status, _, response = await ask(server, session, "/healthz")
    assert status == 200
    assert await response.json() == {"status": "ok", "parts": {"database": True, "slack": True}}


async def test_a_broken_part_makes_it_unavailable(
    server: WebServer, session: ClientSession, parts: Parts
) -> None:
    parts.parts["slack"] = False
    status, _, response = await ask(server, session, "/healthz")
    assert status == 503
    assert (await response.json())["parts"]["slack"] is False


async def test_a_check_that_fails_tells_strangers_nothing(
    server: WebServer, session: ClientSession, parts: Parts
) -> None:
    parts.error = StorageError("/var/lib/quipu/quipu.db is damaged")
    status, body, _ = await ask(server, session, "/healthz")
    assert status == 503
    assert b"quipu.db" not in body


async def test_a_route_can_be_mounted_replaced_and_taken_away_while_it_runs(
    server: WebServer, session: ClientSession
) -> None:
    async def other(_request: web.Request) -> web.Response:
        return web.Response(text="other")

    assert (await ask(server, session, "/slack/events", method="POST"))[0] == 404
    server.mount("post", "/slack/events", echo)
    assert (await ask(server, session, "/slack/events", method="POST", body=b"hi"))[1] == b"hi"
    server.mount("POST", "/slack/events", other)
    assert (await ask(server, session, "/slack/events", method="POST"))[1] == b"other"
    server.unmount("POST", "/slack/events")
    assert (await ask(server, session, "/slack/events", method="POST"))[0] == 404


async def test_a_wrong_method_is_told_the_right_one(
    server: WebServer, session: ClientSession
) -> None:
    server.mount("POST", "/slack/events", echo)
    status, _, response = await ask(server, session, "/slack/events")
    assert (status, response.headers["Allow"]) == (405, "POST")


async def test_the_place_of_health_cannot_be_taken(server: WebServer) -> None:
    with pytest.raises(ValueError, match="healthz is taken"):
        server.mount("GET", "/healthz", echo)


async def test_a_body_beyond_the_limit_is_refused(
    server: WebServer, session: ClientSession
) -> None:
    async def count(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    server.mount("POST", "/slack/events", count)
    largest = b"x" * LARGEST_BODY
    assert (await ask(server, session, "/slack/events", method="POST", body=largest))[0] == 200
    status, _, _ = await ask(server, session, "/slack/events", method="POST", body=largest + b"x")
    assert status == 413


async def test_a_running_request_ends_before_the_server_does(session: ClientSession) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        arrived.set()
        await go_on.wait()
        return web.Response(text="done")

    server = WebServer("127.0.0.1", 0, health=Parts().check)
    server.mount("GET", "/slow", slow)
    await server.start()
    asking = asyncio.create_task(ask(server, session, "/slow"))
    await asyncio.wait_for(arrived.wait(), 30)
    stopping = asyncio.create_task(server.stop())
    go_on.set()
    assert (await asyncio.wait_for(asking, 30))[1] == b"done"
    await asyncio.wait_for(stopping, 30)
    await server.stop()


async def test_an_address_that_is_taken_is_a_mistake_in_the_configuration(
    server: WebServer,
) -> None:
    second = WebServer("127.0.0.1", server.port, health=Parts().check)
    with pytest.raises(ConfigError, match=rf"\[http\].* port {server.port}"):
        await second.start()
    await second.stop()


async def test_before_it_starts_the_port_is_the_one_asked_for() -> None:
    assert WebServer("127.0.0.1", 8321, health=Parts().check).port == 8321
