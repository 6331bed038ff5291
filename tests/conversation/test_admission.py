"""Who is answered, who is told why not, and how bots are kept from talking in circles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.control.records import Admission, Behaviour
from bot.conversation.admission import (
    ANSWERS_IN_CHANNEL,
    ANSWERS_TO_BOTS,
    BREATH,
    QUIET,
    Admissions,
    OpenGate,
)
from bot.errors import GenerationError
from bot.values import Author, Inbound, Place, Standing
from tests.board import ScriptedGenerator
from tests.conversation.conftest import ANN, BOB, CHANNEL, OTHER, Build

ROBOT = Author("66", "Robot", Standing.BOT)
FULL = Admission(admitted=False, notice="You have used up today's messages.", reason="limit")


@dataclass
class Rules:
    """A gate with fixed rules."""

    admit_if: Callable[[Inbound], bool] = lambda _: True
    refusal: Admission = FULL
    behave: Behaviour = field(default_factory=Behaviour)

    async def behaviour(self, place: Place) -> Behaviour:
        assert place.id
        return self.behave

    async def admit(self, inbound: Inbound) -> Admission:
        return Admission() if self.admit_if(inbound) else self.refusal


def message(number: int, author: Author = ANN, place: Place = CHANNEL) -> Inbound:
    return Inbound(place, author, "hello", str(number), datetime.now(UTC))


async def test_without_settings_people_who_turn_to_the_bot_are_answered() -> None:
    gate = OpenGate()
    assert (await gate.admit(message(1))).admitted
    assert not (await gate.admit(replace(message(1), mentioned=False))).admitted
    assert not (await gate.admit(message(1, ROBOT))).admitted


async def test_a_refused_message_is_told_of_once_and_never_saved(build: Build) -> None:
    house = await build(gate=Rules(admit_if=lambda inbound: inbound.author != ANN))
    house.conversations.attach(house.board)
    for _ in range(3):
        await house.say("hello", ANN)
    await house.say("hello", BOB)
    await house.idle()
    assert house.board.texts == [FULL.notice, "You said: Bob: hello"]
    assert len(await house.turns()) == 2


async def test_a_refusal_without_words_is_silent(build: Build) -> None:
    house = await build(gate=Rules(lambda _: False, refusal=Admission(admitted=False)))
    house.conversations.attach(house.board)
    await house.say("hello")
    assert house.board.posted == []
    assert await house.turns() == []


async def test_the_same_reason_is_told_again_after_a_while_and_elsewhere() -> None:
    now = [0.0]
    admissions = Admissions(Rules(lambda _: False), clock=lambda: now[0])
    assert (await admissions.ask(message(1))).notice
    assert not (await admissions.ask(message(2))).notice
    assert (await admissions.ask(message(3, place=OTHER))).notice
    assert (await admissions.ask(message(4, BOB))).notice
    now[0] = QUIET
    assert (await admissions.ask(message(5))).notice


async def test_a_message_that_was_admitted_is_not_refused_when_it_comes_again() -> None:
    rules = Rules()
    admissions = Admissions(rules)
    assert (await admissions.ask(message(1))).admitted
    rules.admit_if = lambda _: False
    assert (await admissions.ask(message(1))).admitted
    assert not (await admissions.ask(message(2))).admitted


async def test_bots_are_answered_a_few_times_until_a_person_speaks() -> None:
    admissions = Admissions(Rules(lambda inbound: inbound.author != ANN))
    said = [(await admissions.ask(message(n, ROBOT))).admitted for n in range(10)]
    assert said == [True] * ANSWERS_TO_BOTS + [False] * (10 - ANSWERS_TO_BOTS)
    assert (await admissions.ask(message(50, ROBOT, OTHER))).admitted
    assert not (await admissions.ask(message(51, ANN))).admitted
    assert (await admissions.ask(message(52, ROBOT))).admitted


async def test_a_bot_whose_every_message_opens_a_thread_is_answered_a_few_times_as_well() -> None:
    now = [0.0]
    admissions = Admissions(Rules(), clock=lambda: now[0])

    async def admitted(number: int, author: Author = ROBOT) -> bool:
        place = replace(CHANNEL, thread=str(number))
        return (await admissions.ask(message(number, author, place))).admitted

    most = ANSWERS_IN_CHANNEL
    said = [await admitted(number) for number in range(most + 5)]
    assert said == [True] * most + [False] * 5
    assert (await admissions.ask(message(50, ROBOT, OTHER))).admitted
    assert await admitted(51, ANN)
    said = [await admitted(number) for number in range(60, 61 + most)]
    assert said == [True] * most + [False]
    now[0] = BREATH
    assert await admitted(70), "it does not talk in circles that says something now and then"


async def test_people_elsewhere_in_the_channel_do_not_let_bots_go_on_in_a_thread() -> None:
    admissions = Admissions(Rules())
    thread = replace(CHANNEL, thread="1")
    said = []
    for number in range(10):
        assert (await admissions.ask(message(100 + number, ANN))).admitted
        said.append((await admissions.ask(message(number, ROBOT, thread))).admitted)
    assert said == [True] * ANSWERS_TO_BOTS + [False] * (10 - ANSWERS_TO_BOTS)


async def test_a_refused_bot_is_told_nothing() -> None:
    admissions = Admissions(Rules(lambda _: False))
    assert await admissions.ask(message(1, ROBOT)) == Admission(admitted=False)


async def test_names_are_left_out_of_prompts_where_the_place_wants_that(build: Build) -> None:
    script = ScriptedGenerator()
    house = await build(script, gate=Rules(behave=Behaviour(names=False)))
    house.conversations.attach(house.board)
    await house.say("hello")
    await house.idle()
    assert script.prompts[0].text.endswith("hello [/INST]")
    assert "Ann" not in script.prompts[0].text


async def test_a_message_without_words_that_nobody_addressed_is_left_alone(build: Build) -> None:
    house = await build(gate=Rules())
    house.conversations.attach(house.board)
    assert not await house.conversations.accept(replace(message(1), text=" ", mentioned=False))
    assert await house.conversations.accept(replace(message(2), mentioned=False))
    await house.idle()
    assert house.board.texts == ["You said: Ann: hello"]


async def test_words_of_the_bot_itself_are_in_the_askers_language(build: Build) -> None:
    house = await build(ScriptedGenerator(lambda _: [GenerationError("broken")]), gate=Rules())
    house.conversations.attach(house.board)
    await house.conversations.accept(replace(message(1), locale="xx-XX"))
    await house.idle()
    assert house.board.texts == [f"*({GenerationError.notice})*"], "English where there is no other"
