"""An answer over which the program ends again and again is given up, and no other with it."""

from __future__ import annotations

import asyncio
from functools import partial

from bot.errors import GeneratorLost
from bot.reply.messages import MARKER
from bot.values import Place, Prompt, ReplyState
from tests.board import PATIENCE, ScriptedGenerator, echo
from tests.conversation.conftest import CHANNEL, DIRECT, OTHER, Build, House
from tests.conversation.test_conversations import states
from tests.conversation.test_left_unfinished import AWAY

GIVEN_UP = (
    "*(I was interrupted several times while I answered this, so I leave it at that. "
    "Please ask me in another way.)*"
)


def never(_: Prompt) -> list[str | asyncio.Event]:
    """An answer that is never whole."""
    return ["Once upon ", asyncio.Event()]


def guilty(prompt: Prompt) -> list[str | asyncio.Event]:
    """Only who asks for a story gets none."""
    return never(prompt) if "a story" in prompt.text else [*echo(prompt)]


class Held:
    """Who does not ask for a story gets half of an answer, and the rest when the event is set."""

    def __init__(self) -> None:
        self.events: list[asyncio.Event] = []

    def __call__(self, prompt: Prompt) -> list[str | asyncio.Event]:
        if "a story" in prompt.text:
            return never(prompt)
        self.events.append(asyncio.Event())
        return ["You said: ", self.events[-1], "something"]


def _has_begun(house: House, times: int) -> bool:
    return len(house.generator.prompts) == times


async def begun(house: House, answers: int, *, in_order: bool = False) -> None:
    """Wait until so many answers are under way, and end the program: suddenly, or in order."""
    await house.board.until(lambda: len(house.generator.prompts) == answers)
    await house.board.until(lambda: house.board.texts == [f"Once upon{MARKER}"] * answers)
    if not in_order:
        await house.store.close()  # of what it still does, nothing comes into the journal
    await house.conversations.drain(0.0)


async def asked(build: Build, *places: Place) -> None:
    """Somebody asks at each place, and the program ends while it answers."""
    house = await build(ScriptedGenerator(never))
    house.conversations.attach(house.board)
    for place in places:
        await house.say("a story" if place is CHANNEL else "hi", place=place)
    await begun(house, len(places))


async def again(build: Build, answers: int, *, in_order: bool = False) -> None:
    """The next start gets no further."""
    house = await build(ScriptedGenerator(never), first_message=200)
    await house.conversations.recover(house.board)
    await begun(house, answers, in_order=in_order)


async def recovered(build: Build) -> House:
    """A start at which all is well."""
    house = await build()
    await house.conversations.recover(house.board)
    await house.idle()
    return house


async def test_what_was_begun_at_three_starts_is_not_begun_again(build: Build) -> None:
    await asked(build, CHANNEL)
    await again(build, 1)
    await again(build, 1)
    last = await recovered(build)
    assert last.generator.prompts == []
    assert last.board.texts == [f"Once upon\n\n{GIVEN_UP}"]
    assert await states(last) == [ReplyState.INTERRUPTED]


async def test_those_who_were_under_way_beside_it_are_answered(build: Build) -> None:
    await asked(build, CHANNEL, OTHER, DIRECT)
    await again(build, 3)
    third = await build(ScriptedGenerator(held := Held()))
    await third.conversations.recover(third.board)
    await only_the_guilty_one_runs(third, held)
    await third.store.close()
    await third.conversations.drain(0.0)
    last = await build(ScriptedGenerator(guilty))
    await last.conversations.recover(last.board)
    await last.idle()
    given_up, *answers = sorted(last.board.texts)
    assert given_up == f"Once upon\n\n{GIVEN_UP}"
    assert [answer.startswith("You said:") for answer in answers] == [True, True]
    assert sorted(await states(last)) == [ReplyState.DELIVERED] * 2 + [ReplyState.INTERRUPTED]


async def only_the_guilty_one_runs(house: House, held: Held) -> None:
    """Whoever's turn comes first: nobody begins before the one before has ended."""
    for begun in range(1, 4):
        await house.board.until(partial(_has_begun, house, begun))
        if "a story" in house.generator.prompts[-1].text:
            return
        await house.board.until(lambda: f"You said:{MARKER}" in house.board.texts)
        assert len(house.generator.prompts) == begun
        held.events.pop().set()


async def test_a_platform_that_is_slow_holds_up_no_other_last_attempt(build: Build) -> None:
    await asked(build, CHANNEL, OTHER)
    await again(build, 2)
    third = await build()
    third.board.gate.clear()  # nothing can be shown
    await third.conversations.recover(third.board)
    await third.board.until(lambda: len(third.generator.prompts) == 2)
    third.board.gate.set()
    await third.idle()
    assert await states(third) == [ReplyState.DELIVERED] * 2


async def test_a_stop_in_order_is_no_attempt(build: Build) -> None:
    await asked(build, CHANNEL)
    for _ in range(4):
        await again(build, 1, in_order=True)
    last = await recovered(build)
    assert last.board.texts == ["You said: Ann: a story"]


async def test_an_end_because_the_model_was_lost_is_an_attempt(build: Build) -> None:
    await asked(build, CHANNEL)
    for _ in range(2):
        house = await build(ScriptedGenerator(lambda _: ["Once upon ", GeneratorLost("gone")]))
        ended = asyncio.Event()
        house.engines.on_lost = lambda _, ended=ended: ended.set()
        await house.conversations.recover(house.board)
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
        await house.conversations.drain(0.0)
    last = await recovered(build)
    assert last.board.texts == [f"Once upon\n\n{GIVEN_UP}"]


async def test_what_was_given_up_is_not_begun_again_when_its_platform_is_back(build: Build) -> None:
    await asked(build, CHANNEL)
    await again(build, 1)
    await again(build, 1)
    last = await build()
    last.board.failures = [AWAY] * 9
    await last.conversations.recover(last.board)
    await last.idle()
    assert await states(last) == [ReplyState.FAILED]
    last.board.failures.clear()
    await last.conversations.recover(last.board)
    await last.idle()
    assert last.generator.prompts == []
    assert last.board.texts == [f"Once upon\n\n{GIVEN_UP}"]


async def test_a_line_that_was_cut_is_no_attempt(build: Build) -> None:
    house = await build(ScriptedGenerator(never))
    house.conversations.attach(house.board)
    await house.say("a story")
    for times in range(1, 6):
        await house.board.until(partial(_has_begun, house, times))
        await house.conversations.detach("discord")
        assert await house.conversations.recover(house.board) == 1
    house.generator.script = echo
    await house.conversations.detach("discord")
    await house.conversations.recover(house.board)
    await house.idle()
    assert house.board.texts == ["You said: Ann: a story"]


async def test_who_asks_for_another_answer_has_all_attempts_again(build: Build) -> None:
    await asked(build, CHANNEL)
    await again(build, 1)
    await again(build, 1)
    house = await recovered(build)
    await house.use("regenerate")
    await house.idle()
    assert house.board.texts == ["You said: Ann: a story"]
    async with asyncio.timeout(PATIENCE):
        assert await house.conversations.recover(house.board) == 0
