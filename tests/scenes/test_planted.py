"""Planted secrets are looked for wherever the program writes: log, HTTP, database, files."""

from __future__ import annotations

import asyncio
import os
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.loopback.discord import DiscordServer
from tests.loopback.slack import SlackServer
from tests.scenes.program import ANY_PORT, ROOT, Program

DISCORD = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GplAnT.planted-discord-token-0123456789abc"
SECRETS = {
    "SLACK_APP_TOKEN": "xapp-1-loopback",
    "SLACK_SIGNING_SECRET": "planted0signing0secret0",
    "SLACK_CLIENT_SECRET": "planted0client0secret0",
    "HF_TOKEN": "hf_plantedHuggingFaceToken0",
    "ENDPOINT_KEY": "planted/end+point&key=1",
}
PASSWORD = "planted-p@ss/word"
ENDPOINT = """
[[models]]
title = "Elsewhere"
kind = "openai"
served = "other"
urls = ["http://127.0.0.1:9/v1"]
api_key_variable = "ENDPOINT_KEY"
"""
WORDS = "the emerald llama whispers"
"""What somebody says; it may be in the database alone."""
ANSWERS = "markdown_text"
"""With what is answered in Slack."""


def found(text: bytes, secrets: Iterable[str]) -> list[str]:
    """The secrets that are in a text, also with what surrounds them escaped."""
    return [secret for secret in secrets if secret.encode() in text]


def environment(folder: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("QUIPU_")}
    return clean | SECRETS | {"HOME": str(folder), "OMP_NUM_THREADS": "1"} | more


async def ran(folder: Path, *arguments: str, **more: str) -> bytes:
    """All that one command of the program prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        cwd=ROOT,
        env=environment(folder, **more),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return printed


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("layout", ["json", "console"])
async def test_a_running_program_tells_no_secret_anywhere(
    slack_server: SlackServer, tiny_llama: Path, tmp_path: Path, layout: str
) -> None:
    async with DiscordServer(token=DISCORD) as discord:
        guild, workspace = discord.guild(), slack_server.workspace()
        ann = guild.member("Ann", manage_guild=True)
        eve, knots = workspace.member("Eve"), workspace.channel("knots")
        program = Program(
            discord,
            tmp_path,
            tiny_llama,
            tokens=16,
            more=f'\n[slack]\napi_url = "{slack_server.api_url}"\n{ENDPOINT}',
            secrets=SECRETS
            | ANY_PORT
            | {
                "DISCORD_TOKEN": DISCORD,
                "SLACK_BOT_TOKEN": workspace.bot_token,
                "QUIPU_LOG__LEVEL": "debug",
                "QUIPU_LOG__FORMAT": layout,
            },
        )
        await program.start()
        secrets = [DISCORD, workspace.bot_token, *SECRETS.values()]
        try:
            await slack_server.socket_mode.wait_connects(2, 60)
            channel = guild.channel("knots")
            await ann.mentions(channel, WORDS)
            await channel.wait_for(
                lambda _: [m for m in channel.from_bot if "▌" not in m.content], 60
            )
            await ann.runs_command("model", channel, {"model": "Elsewhere"})
            await ann.mentions(channel, "are you there?")
            await channel.wait_for(lambda _: len(channel.from_bot) > 1, 60)
            await eve.mentions(knots, WORDS)
            await knots.wait_for(lambda _: [m for m in knots.from_bot if "▌" not in m.content], 60)
            await eve.runs_command("/quipu", f"rate score=down reason={WORDS}", knots)
            discord.gateway.kill()
            await discord.gateway.wait_connected(timeout=60)
            port = await program.port()
            pages = await asked(port)
            given = program.secrets | {"QUIPU_HTTP__PORT": str(port)}
            config = str(tmp_path / "config.toml")
            told = await ran(tmp_path, "--config", config, "doctor", **given)
            zipped = tmp_path / "support.zip"
            told += await ran(tmp_path, "--config", config, "support", str(zipped), **given)
            assert await program.stop() == 0
        finally:
            await program.stop(kill=True)
    logged = "".join(program.said).encode()
    assert b"debug" in logged
    assert b"support.zip: README.txt" in told, told.decode()
    assert found(logged, [*secrets, WORDS, ANSWERS]) == []
    assert found(b"".join(pages), [*secrets, WORDS, "Ann"]) == []
    assert found(told, [*secrets, WORDS]) == []
    assert found(whole(zipped), [*secrets, WORDS, "Ann", str(ann.user.id), str(channel.id)]) == []
    for file in (tmp_path / "data").iterdir():
        assert found(file.read_bytes(), secrets) == [], file


async def asked(port: int) -> list[bytes]:
    """Every page of the HTTP server that there may be."""
    pages = []
    async with ClientSession() as session:
        for path in ("/healthz", "/readyz", "/metrics", "/", "/slack/events", "/slack/install"):
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                pages.append(await answer.read() + str(answer.headers).encode())
    assert b'"status"' in pages[0]
    assert b"# HELP quipu_" in pages[2]
    return pages


def whole(file: Path) -> bytes:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return b"\n".join(archive.read(name) for name in archive.namelist())
