"""What the HTTP server does not answer: other names, pages of other sites, whoever is too slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import ClientSession, web

from adapters.web import guard
from adapters.web import server as serving
from adapters.web.guard import HEADERS, hostname, is_address
from adapters.web.server import WebServer
from bot.platforms import web_server
from bot.settings import Settings

NAME = "quipu.example.org"
EVIL = "evil.example.net"


async def healthy() -> Mapping[str, bool]:
    return {"database": True}


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello {len(await request.read())}")


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    server = WebServer("127.0.0.1", 0, health=healthy, names=[NAME])
    server.mount("GET", "/page", hello)
    server.mount("POST", "/page", hello)
    server.mount("POST", "/signed", hello, signed=True)
    await server.start()
    yield server
    await server.stop()


async def status(
    server: WebServer, path: str = "/healthz", method: str = "GET", **headers: str
) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://127.0.0.1:{server.port}{path}"
    async with ClientSession() as session, session.request(method, url, headers=named) as answer:
        for name in HEADERS:
            assert name in answer.headers, f"{answer.status} lacks {name}"
        return answer.status


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:99", "quipu.localhost", "127.0.0.1:1", "[::1]:80", "10.0.0.7", NAME],
)
async def test_a_host_that_is_ours_is_answered(server: WebServer, host: str) -> None:
    assert await status(server, Host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        EVIL,
        f"{NAME}.{EVIL}",
        f"x{NAME}",
        "localhost.evil.net",
        f"127.0.0.1.{EVIL}",
        "[::1",
        " ",
        "@",
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/page", "/nothing"])
async def test_a_name_led_here_by_dns_rebinding_is_refused(
    server: WebServer, host: str, path: str
) -> None:
    assert await status(server, path, Host=host) in {400, 421}


async def test_who_names_no_host_is_no_browser(server: WebServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert b" 200 " in await reader.readline()
    writer.close()


async def test_what_is_signed_may_come_under_any_name_but_by_its_own_method_alone(
    server: WebServer,
) -> None:
    assert await status(server, "/signed", "POST", Host=EVIL) == 200
    assert await status(server, "/signed", "GET", Host=EVIL) == 421
    server.unmount("POST", "/signed")
    assert await status(server, "/signed", "POST", Host=EVIL) == 421


@pytest.mark.parametrize("origin", [f"https://{EVIL}", "null", "file://", "https://[", ""])
@pytest.mark.parametrize("path", ["/healthz", "/page", "/signed"])
async def test_a_page_of_another_site_cannot_ask(server: WebServer, origin: str, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        assert await status(server, path, method, Origin=origin) == 403


async def test_our_own_pages_can_ask_behind_a_proxy_too(server: WebServer) -> None:
    assert await status(server, "/page", "POST", Origin=f"https://{NAME}") == 200
    assert await status(server, "/page", "POST", Origin=f"https://{NAME}", Host="localhost") == 200
    assert await status(server, "/page", "POST", Origin="http://localhost", Host="localhost") == 200


async def test_a_link_on_another_site_leads_here_and_its_scripts_do_not(server: WebServer) -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    script = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}
    assert await status(server, "/page", **link) == 200
    assert await status(server, "/page", "POST", **link) == 403
    assert await status(server, "/page", **script) == 403
    assert await status(server, "/page", Sec_Fetch_Site="same-origin") == 200


async def test_no_answer_lists_what_there_is(server: WebServer) -> None:
    async with ClientSession() as session:
        for path in ("/", "/slack", "/.well-known/", "/page/"):
            async with session.get(f"http://127.0.0.1:{server.port}{path}") as answer:
                assert answer.status == 404
                assert "page" not in (text := await answer.text())
                assert "healthz" not in text
                assert "aiohttp" not in answer.headers["Server"]


async def test_a_body_that_does_not_come_is_not_waited_for(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab")
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 408 ")
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-"])
async def test_headers_that_do_not_end_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(serving, "IDLE_SECONDS", 0.05)
    server = WebServer("127.0.0.1", 0, health=healthy)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    await server.stop()


async def test_a_body_without_end_is_cut_at_the_limit(server: WebServer) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536

    async with ClientSession() as session:
        url = f"http://127.0.0.1:{server.port}/signed"
        async with session.post(url, data=endless()) as answer:
            assert answer.status == 413


async def test_headers_without_end_are_refused(server: WebServer) -> None:
    assert 400 <= await refused(server, b"X-Long: " + b"x" * 20_000) < 500
    assert 400 <= await refused(server, b"".join(b"X-%d: y\r\n" % n for n in range(50_000))) < 500


async def refused(server: WebServer, headers: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n\r\n")
    line = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    return int(line.split()[1])


def test_the_names_of_the_server_come_from_the_configuration() -> None:
    slack = {"public_url": "https://Quipu.example.org/x", "client_id": "1"}
    given = {"slack": slack, "http": {"hosts": ["quipu"]}}
    settings = Settings(**given)  # type: ignore[arg-type]
    assert settings.names == ("quipu", "quipu.example.org")
    assert Settings().names == ()


def test_without_a_word_it_listens_on_this_machine_alone() -> None:
    settings = Settings(http={})  # type: ignore[arg-type]
    assert settings.serves is not None
    assert settings.serves.host == "127.0.0.1"
    assert web_server(Settings(), healthy) is None


@pytest.mark.parametrize("url", ["", "http://", "//", "//:1", "//[", "//[::1", "\udcff", "a:b:c"])
def test_what_is_no_address_has_no_name(url: str) -> None:
    assert hostname(url) == ""
    assert not is_address(url)
