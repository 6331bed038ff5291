"""What people write while the bot is away is answered when it is back, on every platform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.control.words import say
from bot.conversation import absences
from tests.contract.conftest import set_up
from tests.contract.stage import Stage

AWAY = f"*({say('conversation.away')})*"
PLATFORMS = pytest.mark.parametrize("platform", ["discord", "slack"])


def ending(*texts: str) -> Callable[[list[str]], bool]:
    return lambda shown: shown[-len(texts) :] == list(texts)


async def states(stage: Stage) -> list[str]:
    await stage.settled()
    return [state for (state,) in stage.rows("SELECT state FROM replies ORDER BY id")]


async def test_what_was_missed_is_answered_once_and_in_its_order(stage: Stage) -> None:
    _, where = await stage.in_a_thread("ann", "are you there?")
    await stage.shown(where, ending("You said: Ann: are you there?"))
    await stage.leaves()
    await stage.goes_on("ann", where, "one")
    await stage.goes_on("bob", where, "two")
    await stage.goes_on("ann", where, "three")
    await stage.returns()
    said = ("You said: Ann: one", "You said: Bob: two", "You said: Ann: three")
    await stage.shown(where, ending(*said))
    await stage.leaves()
    await stage.returns()
    await stage.goes_on("bob", where, "four")
    await stage.shown(where, ending(*said, "You said: Bob: four"))
    assert await states(stage) == ["delivered"] * 5
    assert stage.refused() == 0


async def test_a_first_mention_and_a_private_message_are_found(stage: Stage) -> None:
    _, private = await stage.writes("ann", "hello")
    await stage.shown(private, ending("You said: hello"))
    await stage.leaves()
    await stage.goes_on("ann", private, "are you away?")
    _, where = await stage.mentions("bob", "anybody?")
    await stage.says("bob", "nobody, it seems")
    await stage.returns()
    await stage.shown(private, ending("You said: are you away?"))
    await stage.shown(where, ending("You said: Bob: anybody?"))
    assert await states(stage) == ["delivered"] * 3


async def test_a_private_message_is_found_however_many_other_places_are_newer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absences, "MOST_CHANNELS", 1)
    monkeypatch.setattr(absences, "MOST_THREADS", 2)
    _, private = await stage.writes("ann", "hello")
    await stage.shown(private, ending("You said: hello"))
    for _ in range(3):
        _, where = await stage.in_a_thread("bob", "and now?")
        await stage.shown(where, ending("You said: Bob: and now?"))
    await stage.leaves()
    await stage.goes_on("ann", private, "are you away?")
    await stage.returns()
    await stage.shown(private, ending("You said: are you away?"))


@PLATFORMS
async def test_more_than_the_number_are_declined_in_one_sentence_a_channel(
    platform: str, small_model: Path, tmp_path: Path
) -> None:
    few = {"catch_up_messages": 2}
    async with set_up(platform, small_model, tmp_path, conversation=few) as stage:
        _, where = await stage.in_a_thread("ann", "hello")
        await stage.shown(where, ending("You said: Ann: hello"))
        await stage.leaves()
        for number in range(5):
            await stage.goes_on(("ann", "bob")[number % 2], where, f"{number}")
        await stage.returns()
        # The model has read the others, too.
        answers = ("You said: Ann: 0 Bob: 1 Ann: 2 Bob: 3", "You said: Ann: 4")
        await stage.shown(where, ending("You said: Ann: hello", AWAY, *answers))
        assert await states(stage) == ["delivered", *["failed"] * 3, *["delivered"] * 2]
        reasons = stage.rows("SELECT DISTINCT reason FROM replies WHERE state = 'failed'")
        assert reasons == [("missed: more than catch_up_messages",)]


@PLATFORMS
async def test_what_is_older_than_the_window_is_declined_once(
    platform: str, small_model: Path, tmp_path: Path
) -> None:
    soon = {"catch_up_within": 0.001}
    async with set_up(platform, small_model, tmp_path, conversation=soon) as stage:
        _, where = await stage.in_a_thread("ann", "hello")
        await stage.shown(where, ending("You said: Ann: hello"))
        await stage.leaves()
        await stage.goes_on("ann", where, "one")
        await stage.goes_on("bob", where, "two")
        for _ in range(2):
            await stage.returns()
            await stage.shown(where, ending("You said: Ann: hello", AWAY))
            await stage.leaves()
        await stage.returns()
        assert await states(stage) == ["delivered", "failed", "failed"]


@PLATFORMS
async def test_where_nothing_is_to_be_caught_up_nothing_is_looked_for(
    platform: str, small_model: Path, tmp_path: Path
) -> None:
    never = {"catch_up_within": 0}
    async with set_up(platform, small_model, tmp_path, conversation=never) as stage:
        _, where = await stage.in_a_thread("ann", "hello")
        await stage.shown(where, ending("You said: Ann: hello"))
        await stage.leaves()
        await stage.goes_on("ann", where, "one")
        await stage.returns()
        await stage.goes_on("ann", where, "two")
        await stage.shown(where, ending("You said: Ann: hello", "You said: Ann: two"))


@pytest.mark.slow
async def test_a_file_that_was_taken_back_meanwhile_is_not_read_any_more(stage: Stage) -> None:
    stage.generator.script = lambda _: ["Thanks."]
    where = await stage.attaches("ann", "explain", "secrets.env", b"TOKEN=plum")
    await stage.shown(where, ending("Thanks."))
    await stage.quiet()
    await stage.leaves()
    await stage.takes_file_back("ann", where)
    await stage.returns()
    await stage.goes_on("ann", where, "and now?")
    await stage.shown(where, ending("Thanks.", "Thanks."))
    await stage.goes_on("ann", where, "and then?")
    await stage.shown(where, ending("Thanks.", "Thanks.", "Thanks."))
    assert "plum" not in stage.generator.prompts[-1].text


@pytest.mark.slow
async def test_edits_and_deletions_of_the_meantime_are_honoured(stage: Stage) -> None:
    cat, where = await stage.writes("ann", "my cat is called Tom")
    await stage.shown(where, ending("You said: my cat is called Tom"))
    dog = await stage.goes_on("ann", where, "my dog is called Rex")
    await stage.shown(where, ending("You said: my dog is called Rex"))
    await stage.leaves()
    await stage.edits("ann", cat, "my cat is called Felix")
    await stage.deletes("ann", dog)
    await stage.goes_on("ann", where, "and now?")
    await stage.returns()
    await stage.shown(where, ending("You said: and now?"))
    await stage.goes_on("ann", where, "and then?")
    await stage.shown(where, ending("You said: and then?"))
    prompt = stage.generator.prompts[-1].text
    assert "my cat is called Felix [/INST]" in prompt
    assert "my dog is called Rex [/INST]" not in prompt


@pytest.mark.parametrize("hours", [-30, 30])
async def test_a_clock_that_is_hours_off_makes_nothing_too_old(hours: int, stage: Stage) -> None:
    _, where = await stage.in_a_thread("ann", "hello")
    await stage.shown(where, ending("You said: Ann: hello"))
    await stage.leaves()
    await stage.goes_on("ann", where, "one")
    stage.clock_is_off(hours)
    await stage.returns()
    await stage.shown(where, ending("You said: Ann: hello", "You said: Ann: one"))


async def test_a_restart_in_the_middle_answers_everything_once(stage: Stage) -> None:
    _, where = await stage.in_a_thread("ann", "hello")
    await stage.shown(where, ending("You said: Ann: hello"))
    await stage.leaves()
    _, other = await stage.mentions("ann", "one")
    await stage.goes_on("bob", where, "two")
    await stage.goes_on("ann", where, "three")
    await stage.returns()
    await stage.restarts()
    await stage.shown(where, ending("You said: Bob: two", "You said: Ann: three"))
    await stage.shown(other, lambda shown: "You said: Ann: one" in shown)
    assert await states(stage) == ["delivered"] * 4
