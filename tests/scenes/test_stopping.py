"""The real program as a process: asked to stop while something hangs, and ended by a lost model.

An exit code of 0 says that it was in time: later than its deadline and grace it is another one.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.stopping import START_AGAIN, STOPPED_AT_ONCE
from tests.loopback.discord import Channel, DiscordServer, Guild, Person
from tests.scenes.program import Program
from tests.scenes.test_program import MARK, finished

pytestmark = pytest.mark.slow

DEADLINE = """
[shutdown]
deadline = "1 s"
"""


@pytest.fixture
def faults(tmp_path: Path) -> Path:
    folder = tmp_path / "faults"
    folder.mkdir()
    return folder


@pytest.fixture
async def program(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path, faults: Path
) -> AsyncIterator[Program]:
    """Fails as the files in `faults` say."""
    made = Program(
        discord_server,
        tmp_path,
        tiny_llama,
        more=DEADLINE,
        secrets={"QUIPU_FAULTS": str(faults)},
        entry=("-m", "tests.scenes.faulty"),
    )
    yield made
    if made.process is not None:
        await made.stop(kill=True)


@pytest.fixture
def guild(discord_server: DiscordServer) -> Guild:
    return discord_server.guild()


@pytest.fixture
def channel(guild: Guild) -> Channel:
    return guild.channel("knots")


@pytest.fixture
def ann(guild: Guild) -> Person:
    return guild.member("Ann")


def states(program: Program) -> list[object]:
    return [state for (state,) in program.rows("SELECT state FROM replies")]


async def answered_once(program: Program, channel: Channel) -> None:
    """After a new start the message has its one answer."""
    await program.start()
    await channel.wait_for(lambda _: finished(channel), timeout=90)
    assert await program.stop() == 0
    assert states(program) == ["delivered"]
    assert len(channel.from_bot) == 1
    texts = program.rows("SELECT text FROM turns WHERE role = 'assistant'")
    assert len(texts) == 1
    assert MARK not in channel.from_bot[0].content


async def test_with_a_hanging_model_it_stops_in_time_and_the_next_start_answers(
    program: Program, channel: Channel, ann: Person, faults: Path
) -> None:
    await program.start()
    (faults / "hang").touch()
    await ann.mentions(channel, "hello")
    await program.says("fault: hang")
    assert await program.stop() == 0
    assert states(program)[0] in ("queued", "generating")
    (faults / "hang").unlink()
    await answered_once(program, channel)


async def test_with_a_hanging_platform_it_stops_in_time_and_the_next_start_answers(
    program: Program, channel: Channel, ann: Person, discord_server: DiscordServer
) -> None:
    await program.start()
    held = discord_server.faults.hold("POST", "/messages$", times=100)
    discord_server.faults.hold("PATCH", "/messages/", times=100)
    await ann.mentions(channel, "hello")
    await held.reached(60)
    assert await program.stop() == 0
    assert states(program)[0] not in ("delivered", "failed")
    discord_server.faults.clear()
    await answered_once(program, channel)


async def test_in_the_middle_of_loading_a_model_it_stops_at_once(
    program: Program, faults: Path
) -> None:
    (faults / "slow").touch()
    await program.launch()
    await program.says("fault: slow")
    assert program.process is not None
    program.process.send_signal(signal.SIGTERM)
    assert await program.ended() == 0
    assert "Traceback" not in "".join(program.said)


async def test_a_second_signal_ends_it_at_once(
    program: Program, channel: Channel, ann: Person, faults: Path
) -> None:
    program.more = DEADLINE.replace("1 s", "10 min")
    await program.start()
    (faults / "hang").touch()
    await ann.mentions(channel, "hello")
    await program.says("fault: hang")
    assert program.process is not None
    program.process.send_signal(signal.SIGTERM)
    await program.says("stopping")
    program.process.send_signal(signal.SIGINT)
    assert await program.ended() == STOPPED_AT_ONCE


@pytest.mark.parametrize("fault", ["hang", "break"])
async def test_a_lost_model_ends_the_process_which_is_started_again_and_answers(
    program: Program, channel: Channel, ann: Person, faults: Path, fault: str
) -> None:
    program.secrets["QUIPU_MODEL__HANG"] = "2 s"
    await program.start()
    (faults / fault).touch()
    await ann.mentions(channel, "hello")
    assert await program.ended() == START_AGAIN
    assert sum("generation_lost" in line for line in program.said) == 1
    assert states(program)[0] in ("queued", "generating")
    (faults / fault).unlink()
    del program.secrets["QUIPU_MODEL__HANG"]  # loading may take longer
    await answered_once(program, channel)


async def test_a_dead_thread_is_nothing_that_people_notice(
    program: Program, channel: Channel, ann: Person, faults: Path
) -> None:
    await program.start()
    (faults / "die").touch()
    await ann.mentions(channel, "hello")
    await program.says("generation_restarted")
    await channel.wait_for(lambda _: finished(channel), timeout=60)
    assert await program.stop() == 0
    assert states(program) == ["delivered"]
