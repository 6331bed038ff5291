"""The running program, asked over HTTP how it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from tests.loopback.discord import DiscordServer
from tests.scenes.program import ANY_PORT, Program, running

MARK = "▌"
REPLIES = ("quipu_replies_total", "discord", "delivered")


@pytest.fixture(autouse=True)
def _listening(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ANY_PORT.items():
        monkeypatch.setenv(name, value)


async def ask(port: int, path: str) -> tuple[int, Any]:
    async with (
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        plain = response.content_type == "text/plain"
        return response.status, await (response.text() if plain else response.json())


async def ready(port: int, part: str) -> dict[str, Any]:
    """What readiness says, once this part is ready."""
    async with asyncio.timeout(60):
        while True:
            _, body = await ask(port, "/readyz")
            if body["parts"][part]["ready"]:
                return dict(body)
            # It tells nobody. Every look is a request's round trip after the last.


async def samples(port: int) -> dict[tuple[str, ...], float]:
    """What the metrics say: values by name and labels, these in the order of their names."""
    status, page = await ask(port, "/metrics")
    assert status == 200
    return {
        (each.name, *(each.labels[label] for label in sorted(each.labels))): each.value
        for family in text_string_to_metric_families(page)
        for each in family.samples
    }


async def counted(port: int, name: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    """The metrics, once this is among them."""
    async with asyncio.timeout(30):
        while True:
            found = await samples(port)
            if name in found:
                return found


@pytest.mark.slow
async def test_the_running_program_says_how_it_is(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> None:
    async with running(discord_server, tmp_path, tiny_llama, tokens=8) as program:
        port = await program.port()
        health = {"status": "ok", "parts": {"event_loop": True, "heartbeat": True, "worker": True}}
        assert await ask(port, "/healthz") == (200, health)
        parts = {part: {"ready": True} for part in ("model", "database", "discord")}
        assert await ready(port, "discord") == {"status": "ready", "parts": parts}
        assert (await ask(port, "/readyz"))[0] == 200
        assert await program.stop() == 0


@pytest.mark.slow
async def test_the_metrics_tell_of_an_answer(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> None:
    channel = discord_server.guild().channel("knots")
    assert channel.guild is not None
    ann = channel.guild.member("Ann")
    async with running(discord_server, tmp_path, tiny_llama, tokens=8) as program:
        await ann.mentions(channel, "a very private matter")
        await channel.wait_for(lambda _: [m for m in channel.from_bot if MARK not in m.content], 60)
        port = await program.port()
        found = await counted(port, REPLIES)
        title = str(tiny_llama)
        model = next(key[1] for key in found if key[0] == "quipu_generated_tokens_total")
        assert found["quipu_generated_tokens_total", model] == 8
        assert found[REPLIES] == 1
        assert found["quipu_edits_total", "sent", "discord"] >= 1
        assert found["quipu_time_to_first_text_seconds_count", "discord"] == 1
        assert found["quipu_connected", "discord"] == 1
        assert found["quipu_cache_tokens", "used", model] > 0
        assert found["quipu_database_seconds_count", "write"] > 3
        assert found["quipu_device_memory_bytes", "cpu", "used"] > 10e6
        assert found["quipu_database_bytes",] > 4096
        assert model in title
        _, page = await ask(port, "/metrics")
        assert "private" not in page
        assert await program.stop() == 0
    lines = [line for line in program.said if "reply ended" in line]
    assert len(lines) == 1
    assert '"state": "delivered"' in lines[0]
    assert "private" not in "".join(program.said)


@pytest.mark.slow
async def test_a_port_that_cannot_be_had_is_one_clear_line(
    discord_server: DiscordServer,
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QUIPU_HTTP__HOST", "192.0.2.1")  # an address that nobody has
    monkeypatch.delenv("QUIPU_HTTP__PORT")
    program = Program(discord_server, tmp_path, tiny_llama)
    await program.launch()
    assert await program.ended() == 2
    assert program.said[-1].startswith("quipu: [http] cannot listen at 192.0.2.1 port 8321")


@pytest.mark.slow
async def test_a_platform_that_lacks_its_tokens_is_not_ready_and_does_not_stop_the_other(
    discord_server: DiscordServer,
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QUIPU_SLACK__MODE", "socket")
    async with running(discord_server, tmp_path, tiny_llama, tokens=8) as program:
        port = await program.port()
        assert (await ask(port, "/healthz"))[0] == 200, "a new start would not mend it"
        body = await ready(port, "discord")
        assert (await ask(port, "/readyz"))[0] == 503
        assert body["parts"]["slack"] == {"ready": False, "note": "is not connected"}
        assert (await samples(port))["quipu_ready", "slack"] == 0
        assert await program.stop() == 0
    assert any("cannot connect" in line and "SLACK_APP_TOKEN" in line for line in program.said)
