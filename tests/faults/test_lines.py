"""Lines for events that break, fall silent or are sent away, while an answer is being given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.discord import client as discord_client
from adapters.slack import sockets
from tests.board import echo
from tests.faults.conftest import play
from tests.faults.discord_trouble import DiscordTrouble
from tests.faults.slack_trouble import SlackTrouble
from tests.faults.trouble import Scene, story
from tests.loopback.discord.gateway import Gateway
from tests.loopback.slack.socketmode import SocketMode


async def _now(_: Gateway) -> None:
    """What was done has been done already."""


def _ask(gateway: Gateway) -> Awaitable[None]:
    gateway.ask_to_reconnect()
    return _now(gateway)


def _kill(gateway: Gateway) -> Awaitable[None]:
    gateway.kill()
    return _now(gateway)


def _invalid(gateway: Gateway) -> Awaitable[None]:
    gateway.invalidate()
    return _now(gateway)


def _resumable(gateway: Gateway) -> Awaitable[None]:
    gateway.invalidate(resumable=True)
    return _now(gateway)


def _lost(gateway: Gateway) -> Awaitable[None]:
    gateway.forget_sessions()
    gateway.kill()
    return _now(gateway)


GATEWAY: dict[str, Callable[[Gateway], Awaitable[None]]] = {
    "the line is cut": _kill,
    "the line is cut and the session lost": _lost,
    "asked to reconnect (7)": _ask,
    "session invalid (9)": _invalid,
    "session invalid, but resumable (9)": _resumable,
    "closed as timed out (4009)": lambda gateway: gateway.close_with(4009),
    "closed for an unknown reason (4000)": lambda gateway: gateway.close_with(4000),
    "closed as if all were well (1000)": lambda gateway: gateway.close_with(1000),
}

SOCKETS: dict[str, Callable[[SocketMode], None]] = {
    "the lines are cut": lambda sockets: sockets.kill(),
    "warning": lambda sockets: sockets.disconnect("warning"),
    "refresh_requested": lambda sockets: sockets.disconnect("refresh_requested"),
    "link_disabled": lambda sockets: sockets.disconnect("link_disabled"),
}


async def no_pause(*_: object, **__: object) -> None:
    """discord.py leaves five seconds between two sessions."""


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord_client.GatewayClient, "before_identify_hook", no_pause)
    monkeypatch.setattr(sockets, "PING_EVERY", 0.5)


async def goes_on(scene: Scene, disturb: Callable[[], Awaitable[None]]) -> None:
    """The answer that runs is whole, and what is said afterwards is answered once."""
    script, (go,) = story("Once", " upon a time.")
    scene.stage.generator.script = lambda _: script
    _, where = await scene.asks()
    await scene.begun(where, "Once")
    await disturb()
    go.set()
    await scene.shows(where, "Once upon a time.")
    scene.stage.generator.script = echo
    await scene.answers_the_next(where, "Once upon a time.")
    await scene.stage.settled()
    assert scene.states() == ["delivered", "delivered"]


@pytest.mark.parametrize("how", GATEWAY)
async def test_a_gateway_that_breaks_in_mid_reply_costs_nothing(
    how: str, small_model: Path, tmp_path: Path
) -> None:
    async with play("discord", small_model, tmp_path) as scene:
        assert isinstance(scene.trouble, DiscordTrouble)
        gateway = scene.trouble.server.gateway

        async def disturb() -> None:
            before = gateway.identifies + gateway.resumes
            await GATEWAY[how](gateway)
            await gateway.wait_again(before, 30)

        await goes_on(scene, disturb)


async def test_a_gateway_that_falls_silent_is_noticed_and_left(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discord_client, "SILENCE", 2.0)
    async with play("discord", small_model, tmp_path) as scene:
        assert isinstance(scene.trouble, DiscordTrouble)
        gateway = scene.trouble.server.gateway

        async def disturb() -> None:
            before = gateway.identifies + gateway.resumes
            gateway.silence()
            await gateway.wait_again(before, 30)

        await goes_on(scene, disturb)


@pytest.mark.parametrize("how", SOCKETS)
async def test_sockets_that_break_in_mid_reply_cost_nothing(
    how: str, small_model: Path, tmp_path: Path
) -> None:
    async with play("slack", small_model, tmp_path) as scene:
        assert isinstance(scene.trouble, SlackTrouble)
        lines = scene.trouble.server.socket_mode

        async def disturb() -> None:
            before = lines.connects
            SOCKETS[how](lines)
            await lines.wait_connects(before + 2, 30)

        await goes_on(scene, disturb)


async def test_sockets_that_fall_silent_are_noticed_and_left(
    small_model: Path, tmp_path: Path
) -> None:
    async with play("slack", small_model, tmp_path) as scene:
        assert isinstance(scene.trouble, SlackTrouble)
        lines = scene.trouble.server.socket_mode
        # What went into a silent line is sent again; Slack waits a minute before the second time.
        scene.trouble.server.dispatch.pauses = (0.0, 1.0, 4.0)

        async def disturb() -> None:
            before = lines.connects
            lines.silence()
            await lines.wait_connects(before + 2, 30)

        await goes_on(scene, disturb)


@pytest.mark.parametrize("code", [4010, 4011, 4012, 4013])
async def test_what_discord_would_refuse_again_is_not_tried_again(
    code: int, small_model: Path, tmp_path: Path
) -> None:
    async with play("discord", small_model, tmp_path) as scene:
        assert isinstance(scene.trouble, DiscordTrouble)
        gateway = scene.trouble.server.gateway
        before = gateway.identifies
        await gateway.close_with(code)
        assert str(code) in await scene.stage.gives_up()
        assert gateway.identifies == before
