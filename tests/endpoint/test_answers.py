"""A server's answer is the model's: text, endings, stop strings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot.endpoint.asking import CONTROL_TAGS, plain
from bot.endpoint.estimate import EstimatedFormat
from bot.errors import Busy, ConfigError, GenerationError, Refused, TooLong
from bot.generation.generator import LocalGenerator
from bot.prompt.exchange import Exchange
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from bot.values import FinishReason, Sampling
from tests.endpoint.conftest import WORDS, Connect, Serve
from tests.endpoint.speaking import GREEDY, HERE, ask, prompt, read
from tests.loopback.endpoint import EndpointServer
from tests.loopback.endpoint.server import CHAT, COMPLETIONS


async def test_the_answer_of_a_server_is_the_answer_of_the_model_itself(
    local: LocalGenerator, model_server: EndpointServer, connect: Connect, tokenizer: Tokenizer
) -> None:
    ids = Llama2Format(tokenizer).encode("Be kind.", [Exchange("Who are you?", None, 1)])
    asked = prompt(ids=tuple(ids))

    here, there = (
        await read(local.generate(asked, GREEDY, HERE)),
        await read(ask(connect(model_server), asked)),
    )

    assert there[0] == here[0]
    assert len(there[0]) > 10
    assert there[1].reason is here[1].reason is FinishReason.LENGTH
    assert there[1].prompt_tokens == len(ids)
    assert model_server.answers[-1].body["prompt"] == ids


async def test_messages_laid_out_by_the_server_give_the_same_answer(
    local: LocalGenerator, model_server: EndpointServer, connect: Connect, tokenizer: Tokenizer
) -> None:
    exchanges = [Exchange("Hi", "Hello.", 2), Exchange("Who are you?", None, 1)]
    ids = Llama2Format(tokenizer).encode("Be kind.", exchanges)
    messages = (
        ("system", "Be kind."),
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "Who are you?"),
    )
    model_server.behaviour.token_ids = False

    asked = prompt(ids=tuple(ids), messages=messages)
    here, _ = await read(local.generate(asked, GREEDY, HERE))
    there, _ = await read(ask(connect(model_server), asked))

    assert there == here
    assert model_server.answers[-1].path == CHAT


async def test_whether_a_server_takes_token_ids_is_tried_once(
    serve: Serve, connect: Connect
) -> None:
    server = await serve()
    generator = connect(server)

    answers = [await read(ask(generator)) for _ in range(3)]

    assert [text for text, _ in answers] == ["".join(WORDS)] * 3
    assert [r.is_probe for r in server.requests] == [True, False, False, False]
    assert {r.path for r in server.requests} == {COMPLETIONS}
    assert generator.stats()[0].token_ids is True


@pytest.mark.parametrize(
    "behaviour",
    [{"token_ids": False}, {"completions": False}, {"adds_bos": True}, {"counts": False}],
)
async def test_a_server_that_does_not_read_token_ids_as_they_are_gets_messages(
    behaviour: dict[str, bool], serve: Serve, connect: Connect
) -> None:
    server = await serve(**behaviour)
    generator = connect(server)

    await read(ask(generator, prompt("Who is Ada?")))
    text, _ = await read(ask(generator))

    assert text == "".join(WORDS)
    assert [r.path for r in server.answers] == [CHAT, CHAT]
    assert server.answers[0].body["messages"] == [{"role": "user", "content": "Who is Ada?"}]
    assert generator.stats()[0].token_ids is False


async def test_a_server_that_stumbles_over_token_ids_gets_messages_until_it_does_not(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(stumbles=1)
    generator = connect(server)

    texts = [(await read(ask(generator)))[0] for _ in range(2)]

    assert texts == ["".join(WORDS)] * 2
    assert [r.path for r in server.answers] == [CHAT, COMPLETIONS]


async def test_a_model_that_the_server_does_not_have_yet_says_nothing_of_token_ids(
    serve: Serve, connect: Connect
) -> None:
    server = await serve()
    generator = connect(server, retries=0, adapters={"pirate": "llama-pirate"})

    with pytest.raises(ConfigError, match="404"):
        await read(generator.generate(prompt(), GREEDY, HERE, adapter="pirate"))
    text, _ = await read(ask(generator))

    assert text == "".join(WORDS)
    assert [r.path for r in server.answers] == [CHAT, COMPLETIONS]
    assert generator.stats()[0].token_ids is True


async def test_token_ids_are_sent_or_not_as_configured(serve: Serve, connect: Connect) -> None:
    server = await serve()

    await read(ask(connect(server, token_ids="never")))
    await read(ask(connect(server, token_ids="always")))
    await read(ask(connect(server, tokenizer=None)))

    assert [r.path for r in server.requests] == [CHAT, COMPLETIONS, CHAT]


async def test_an_answer_that_was_cut_goes_on_with_its_white_space(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(
        " time", ".", token_ids=False, unknown=frozenset({"add_generation_prompt"})
    )
    messages = (("user", "A story"), ("assistant", "Once upon a"))
    begun = replace(prompt(messages=messages), begun="Once upon a")

    text, _ = await read(ask(connect(server), begun))

    assert text == " time."
    assert server.answers[-1].body["continue_final_message"] is True
    assert server.answers[-1].body["messages"][-1] == {
        "role": "assistant",
        "content": "Once upon a",
    }


async def test_a_longest_answer_by_its_newer_name(serve: Serve, connect: Connect) -> None:
    server = await serve(unknown=frozenset({"max_tokens"}))

    text, finish = await read(ask(connect(server), sampling=Sampling(max_new_tokens=2)))

    assert text == "Good morning"
    assert finish.reason is FinishReason.LENGTH
    assert server.answers[-1].body["max_completion_tokens"] == 2


async def test_a_stop_string_that_the_server_did_not_get_ends_the_answer(
    serve: Serve, connect: Connect
) -> None:
    server = await serve("Well", "\nA", "da", ": I", " say", unknown=frozenset({"stop"}))
    stops = ("\nBob:", "\nAda:")

    text, finish = await read(ask(connect(server), prompt(stops=stops)))

    assert text == "Well"
    assert finish.reason is FinishReason.STOP


async def test_servers_get_no_more_stop_strings_than_they_take(
    serve: Serve, connect: Connect
) -> None:
    server = await serve("One", " two", "\nF:", " three")
    stops = tuple(f"\n{name}:" for name in "ABCDEF")

    text, _ = await read(ask(connect(server), prompt(stops=stops)))

    assert text == "One two"
    assert server.answers[0].body["stop"] == ["\nA:", "\nB:", "\nC:", "\nD:"]


async def test_an_answer_is_cut_to_the_room_that_the_prompt_leaves(
    serve: Serve, connect: Connect
) -> None:
    server = await serve()

    await read(ask(connect(server, context=24), sampling=Sampling(max_new_tokens=100)))

    assert server.answers[0].body["max_tokens"] == 4


async def test_an_adapter_is_asked_for_by_its_name_at_the_server(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(served="llama-pirate")
    generator = connect(server, adapters={"pirate": "llama-pirate"})

    text, _ = await read(generator.generate(prompt(), GREEDY, HERE, adapter="pirate"))

    assert text == "".join(WORDS)
    with pytest.raises(Refused, match="no adapter 'poet'"):
        generator.generate(prompt(), GREEDY, HERE, adapter="poet")


async def test_unsound_requests_are_refused_before_anything_is_sent(
    serve: Serve, connect: Connect
) -> None:
    server = await serve()
    generator = connect(server)

    with pytest.raises(TooLong):
        ask(generator, prompt(ids=tuple(range(512))))
    with pytest.raises(Refused):
        ask(generator, sampling=Sampling(temperature=float("nan")))
    with pytest.raises(Refused):
        ask(generator, sampling=Sampling(logit_bias=((2, 5.0),)))
    with pytest.raises(Refused):
        ask(generator, prompt(ids=(), messages=()))
    assert not server.requests


async def test_a_prompt_that_the_server_finds_too_long_is_called_so(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(context=30)

    with pytest.raises(TooLong, match="maximum context length is 30"):
        await read(ask(connect(server)))
    assert len(server.answers) == 1


async def test_no_more_answers_than_allowed_are_on_their_way(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(mishap="hang")
    generator = connect(server, limit=2)
    answers = [ask(generator), ask(generator)]

    with pytest.raises(Busy):
        ask(generator)
    await answers[0].aclose()
    answers.append(ask(generator))

    assert answers[2].waiting == 0
    assert answers[2].wait is None


async def test_a_closed_endpoint_ends_its_answers_with_an_error(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(mishap="hang")
    generator = connect(server)
    answer = ask(generator)
    first = await anext(answer)

    await generator.close()

    assert first
    with pytest.raises(GenerationError, match="closing"):
        await read(answer)
    with pytest.raises(GenerationError, match="closed"):
        ask(generator)


async def test_what_is_wrong_with_the_configuration_is_said_at_once(
    serve: Serve, connect: Connect
) -> None:
    with pytest.raises(ConfigError, match="at least one address"):
        connect()
    with pytest.raises(ConfigError, match="tokenizer"):
        connect(await serve(), token_ids="always", tokenizer=None)


async def test_servers_are_examined(serve: Serve, connect: Connect) -> None:
    good, other, locked = await serve(), await serve(served="mistral"), await serve(key="secret")

    findings = await connect(good, other, locked).check()

    assert [finding.severity for finding in findings] == ["ok", "warning", "error"]
    assert "mistral" in findings[1].mend
    assert "401" in findings[2].text


@given(some.text(alphabet="<|s>/[]INSTim_start ｜▁a", max_size=60))
def test_nothing_that_people_write_spells_a_control_token(text: str) -> None:
    made = plain(text, ("<pad>",))
    assert not any(tag in made for tag in (*CONTROL_TAGS, "<pad>", "<|im_start|>", "<|s|>"))


@given(some.text(max_size=400))
def test_the_size_of_a_prompt_without_a_tokenizer_grows_with_its_text(text: str) -> None:
    layout = EstimatedFormat()
    short = layout.encode(None, [Exchange(text, None, 1)])
    long = layout.encode(None, [Exchange(text + text, None, 1)])
    assert len(text.strip().encode("utf-8", "replace")) // 3 < len(short) <= len(long)
