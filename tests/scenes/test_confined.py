"""The program with no more rights than its container gives it: a plain user, a read-only root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.loopback.discord import DiscordServer
from tests.scenes.program import ANY_PORT, Program

USER = 10_001
SCRIPT = Path(__file__).with_name("confined.sh")


def can_confine() -> bool:
    """Whether mounts can be made here, which takes root or a permissive kernel."""
    tools = all(shutil.which(tool) for tool in ("unshare", "setpriv", "mount"))
    if not tools or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0  # noqa: S607


def hidden(path: Path) -> str:
    """The outermost folder on the way to a path that others may not enter."""
    way = [*reversed(path.parents), path]
    return next((str(each) for each in way if not each.stat().st_mode & 0o001), "")


def held(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, with one inside for the program's user alone."""
    with tempfile.TemporaryDirectory(prefix="quipu-confined-") as made:
        made_here = Path(made)
        made_here.chmod(0o755)
        for name in ("data", "tmp"):
            (made_here / name).mkdir()
        os.chown(made_here / "data", USER, USER)
        yield made_here


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(not can_confine(), reason="needs to be root, and unshare and setpriv")
async def test_a_plain_user_with_a_read_only_root_is_answered(
    discord_server: DiscordServer, folder: Path
) -> None:
    guild = discord_server.guild()
    ann, channel = guild.member("Ann"), guild.channel("knots")
    data, tmp = folder / "data", folder / "tmp"
    place = (str(data), str(tmp), hidden(Path(sys.base_prefix)))
    program = Program(
        discord_server,
        folder,
        Path("demo"),
        tokens=8,
        secrets={
            "HOME": str(data),
            "HF_HOME": str(data / "models"),
            "TMPDIR": str(tmp),
            "PYTHONDONTWRITEBYTECODE": "1",
            **ANY_PORT,
        },
        within=("unshare", "--mount", "sh", str(SCRIPT), *place),
    )
    await program.start()
    try:
        await ann.mentions(channel, "hello")
        await channel.wait_for(
            lambda _: [one for one in channel.from_bot if "▌" not in one.content], 60
        )
        url = f"http://127.0.0.1:{await program.port()}/healthz"
        async with ClientSession() as session, session.get(url) as answer:
            assert answer.status == 200
        assert await program.stop() == 0
    finally:
        await program.stop(kill=True)
    assert program.file.stat().st_uid == USER
    assert not any("Permission denied" in line or "Read-only" in line for line in program.said)
    assert held(folder) == ["config.toml", "data", "tmp"]
