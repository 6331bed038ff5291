"""The running program, asked over HTTP how it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import unused_port

from tests.loopback.discord import DiscordServer
from tests.scenes.program import Program, running


async def test_the_running_program_says_how_it_is(
    discord_server: DiscordServer,
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = unused_port()
    monkeypatch.setenv("QUIPU_HTTP__PORT", str(port))
    async with (
        running(discord_server, tmp_path, tiny_llama, tokens=8) as program,
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/healthz") as response,
    ):
        assert response.status == 200
        parts = {"database": True, "discord": True}
        assert await response.json() == {"status": "ok", "parts": parts}
        assert await program.stop() == 0


async def test_a_port_that_cannot_be_had_is_one_clear_line(
    discord_server: DiscordServer,
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QUIPU_HTTP__HOST", "192.0.2.1")  # an address that nobody has
    program = Program(discord_server, tmp_path, tiny_llama)
    await program.launch()
    assert await program.ended() == 2
    assert program.said[-1].startswith("quipu: [http] cannot listen at 192.0.2.1 port 8321")


async def test_a_platform_that_lacks_its_tokens_is_reported_and_does_not_stop_the_other(
    discord_server: DiscordServer,
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = unused_port()
    monkeypatch.setenv("QUIPU_HTTP__PORT", str(port))
    monkeypatch.setenv("QUIPU_SLACK__MODE", "socket")
    async with (
        running(discord_server, tmp_path, tiny_llama, tokens=8) as program,
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/healthz") as response,
    ):
        assert response.status == 503
        parts = {"database": True, "discord": True, "slack": False}
        assert (await response.json())["parts"] == parts
        assert await program.stop() == 0
    assert any("cannot connect" in line and "SLACK_APP_TOKEN" in line for line in program.said)
