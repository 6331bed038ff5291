"""Faults that stay: the reply ends with a reason, in the channel too where it can be said there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.control.words import say
from bot.reply.notices import explained
from bot.values import Prompt
from tests.board import Step, echo
from tests.faults.conftest import play
from tests.faults.trouble import MARK, Scene, story

CUT_OFF = say("conversation.cut_off")

CLOSED = [
    ("discord", "the channel is deleted", "the channel is gone"),
    ("discord", "the bot cannot see the channel", "View Channel"),
    ("discord", "the bot is thrown out", "the channel is gone"),
    ("slack", "the channel is deleted", "channel_not_found"),
    ("slack", "the bot is thrown out", "not_in_channel"),
    ("slack", "the channel is archived", "is_archived"),
    ("slack", "the app is uninstalled", "token_revoked"),
    ("slack", "the token is revoked", "token_revoked"),
    ("slack", "the token has expired", "token_expired"),
    ("slack", "the account is inactive", "account_inactive"),
]


# Slack lets the bot change what it wrote, also in a public channel that it was removed from.
CLOSED_TO_CHANGES = [row for row in CLOSED if row[:2] != ("slack", "the bot is thrown out")]


@pytest.mark.parametrize(("platform", "how", "reason"), CLOSED_TO_CHANGES)
async def test_a_place_that_closes_in_mid_reply_ends_it_with_the_reason(
    platform: str, how: str, reason: str, small_model: Path, tmp_path: Path
) -> None:
    async with play(platform, small_model, tmp_path) as scene:
        script, (go,) = story("Once", " upon a time.")
        scene.stage.generator.script = lambda _: script
        _, where = await scene.asks()
        await scene.begun(where, "Once")
        scene.trouble.closings()[how](where)
        go.set()
        await scene.stage.quiet()
        [(state, why)] = scene.endings()
        assert state == "failed"
        assert reason in why


@pytest.mark.parametrize(("platform", "how", "reason"), CLOSED)
async def test_a_place_that_closed_before_the_first_word_is_given_up_once(
    platform: str, how: str, reason: str, small_model: Path, tmp_path: Path
) -> None:
    async with play(platform, small_model, tmp_path) as scene:
        gate = asyncio.Event()
        where = await scene.asks_and_waits([gate, "Once upon a time."])
        scene.trouble.closings()[how](where)
        gate.set()
        await scene.stage.quiet()
        [(state, why)] = scene.endings()
        assert state == "failed"
        assert reason in why
        assert scene.stage.rows("SELECT count(*) FROM reply_parts") == [(0,)]


async def test_a_thread_that_is_deleted_in_mid_reply_ends_that_and_other_places_go_on(
    small_model: Path, tmp_path: Path
) -> None:
    async with play("discord", small_model, tmp_path) as scene:
        script, (go,) = story("Once", " upon a time.")
        scene.stage.generator.script = lambda _: script
        _, thread = await scene.stage.in_a_thread("ann", "a story")
        await scene.begun(thread, "Once")
        scene.trouble.closings()["the channel is deleted"](thread)
        go.set()
        await scene.stage.quiet()
        [(state, why)] = scene.endings()
        assert state == "failed"
        assert "the channel is gone" in why
        scene.stage.generator.script = echo
        _, where = await scene.asks("are you there?")
        await scene.shows(where, "You said: Ann: are you there?")
        await scene.stage.restarts()
        await scene.stage.quiet()
        assert scene.states() == ["failed", "delivered"]


@pytest.mark.parametrize("platform", ["slack", "slack by edits"])
async def test_a_thread_whose_first_message_goes_in_mid_reply_keeps_its_answer_to_the_end(
    platform: str, small_model: Path, tmp_path: Path
) -> None:
    async with play(platform, small_model, tmp_path) as scene:
        script, (go,) = story("Once", " upon a time.")
        scene.stage.generator.script = lambda _: script
        _, where = await scene.stage.in_a_thread("ann", "a story")
        await scene.begun(where, "Once")
        where.channel.workspace.world.remove(where.root)
        go.set()
        await scene.shows(where, "Once upon a time.")
        await scene.stage.settled()
        assert scene.endings() == [("delivered", "")]


@pytest.mark.parametrize("platform", ["slack", "slack by edits"])
async def test_a_thread_whose_first_message_is_gone_is_told_of_in_the_channel(
    platform: str, small_model: Path, tmp_path: Path
) -> None:
    async with play(platform, small_model, tmp_path) as scene:
        begun, gate = asyncio.Event(), asyncio.Event()

        def script(_: Prompt) -> Sequence[Step]:
            begun.set()
            return [gate, "Once upon a time."]

        scene.stage.generator.script = script
        _, where = await scene.stage.in_a_thread("ann", "a story")
        await begun.wait()
        where.channel.workspace.world.remove(where.root)
        gate.set()
        await scene.stage.quiet()
        [(state, why)] = scene.endings()
        assert state == "failed"
        assert "the message that began the thread is gone" in why
        [said] = where.channel.from_bot
        assert (said.root, said.content) == (None, explained("", say("conversation.thread_gone")))


async def test_an_answer_that_somebody_deletes_stays_deleted_and_its_reply_has_the_reason(
    scene: Scene,
) -> None:
    script, (go,) = story("Once", " upon a time.")
    scene.stage.generator.script = lambda _: script
    _, where = await scene.asks()
    await scene.begun(where, "Once")
    scene.trouble.delete_answer(where)
    go.set()
    await scene.stage.quiet()
    [(state, why)] = scene.endings()
    assert state == "failed"
    assert "the message is gone" in why
    scene.stage.generator.script = echo
    await scene.answers_the_next(where)


async def test_an_answer_that_may_not_go_on_in_a_second_message_says_so_in_its_first(
    scene: Scene,
) -> None:
    words = [f"word{number:05d} " for number in range(1300)]
    gate = asyncio.Event()
    scene.stage.generator.script = lambda _: [*words[:100], gate, *words[100:]]
    _, where = await scene.asks()
    await scene.begun(where, "word00000")
    scene.trouble.forbid_posting(where)
    gate.set()
    shown = await scene.says(where, lambda text: CUT_OFF in text)
    assert MARK not in shown
    await scene.stage.quiet()
    [(state, why)] = scene.endings()
    assert state == "failed"
    assert "Undeliverable" in why or "Refusal" in why


async def test_a_message_that_has_grown_past_the_limit_goes_on_in_further_ones(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.trouble.shrink(monkeypatch, 900)
    words = [f"word{number:03d} " for number in range(300)]
    scene.stage.generator.script = lambda _: words
    _, where = await scene.asks()
    shown = await scene.stage.shown(
        where, lambda shown: shown[-1:] != [] and shown[-1].endswith("word299")
    )
    await scene.stage.quiet()
    assert len(shown) > 2
    assert all(len(text) <= 900 and MARK not in text for text in shown)
    assert " ".join(shown).split() == "".join(words).split()
    assert scene.states() == ["delivered"]
    assert scene.stage.rows("SELECT count(*) FROM reply_parts") == [(len(shown),)]


@pytest.mark.slow
async def test_what_is_too_long_in_any_size_ends_with_the_reason(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.trouble.shrink(monkeypatch, 3)
    await scene.asks_and_waits(["Once upon a time."])
    await scene.stage.quiet()
    assert scene.states() == ["failed"]
